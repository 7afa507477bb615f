import { existsSync, mkdirSync, readdirSync, renameSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { CairnError, fail } from '#base'
import { lock } from '#sys'
import { runtimeEnvironment } from '../commandline.ts'
import { findProgram } from '../program.ts'
import { POLICY } from './host.ts'
import { DEFAULT_PROFILE, defaultProfile } from './profile.ts'

/**
 * Loads {@link DEFAULT_PROFILE} unless the kernel has it, which takes compiling it.
 *
 * That it has is a link in the run directory, named by the digest of the text, to what the kernel shows of the profile: one
 * system call tells whether both are there. A boot empties the run directory, and who removes the profile
 * takes the link's target away. One of two that load at once waits and finds it done.
 */
export async function loadDefaultProfile(run: string): Promise<void> {
  const text = defaultProfile()
  const dir = join(run, 'apparmor')
  const loaded = join(dir, new Bun.CryptoHasher('sha256').update(text).digest('hex'))
  if (existsSync(loaded)) return
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  using _ = await lock(join(dir, 'lock'))
  if (existsSync(loaded)) return
  await load(text)
  const temporary = `${loaded}.${crypto.randomUUID()}`
  symlinkSync(shown(), temporary)
  renameSync(temporary, loaded)
}

async function load(text: string): Promise<void> {
  const parser = findProgram('apparmor_parser') ?? fail('failed_precondition', 'apparmor_parser is missing')
  const child = Bun.spawn([parser, '--replace', '--skip-cache'], {
    stdio: [new TextEncoder().encode(text), 'ignore', 'pipe'],
    env: runtimeEnvironment(),
    cwd: '/',
  })
  const said = await new Response(child.stderr).text()
  if ((await child.exited) !== 0) throw notLoaded(said.trim().replace(/\s*\n\s*/g, '; '))
}

/** The directory in which the kernel shows the profile: its name, a dot and a number that no other profile gets. */
function shown(): string {
  const dir = join(POLICY, 'policy/profiles')
  const name = readdirSync(dir).find((entry) => entry.startsWith(`${DEFAULT_PROFILE}.`))
  if (name === undefined) throw notLoaded('the kernel does not show it')
  return join(dir, name)
}

function notLoaded(why: string): CairnError {
  return new CairnError('failed_precondition', `AppArmor profile ${DEFAULT_PROFILE} could not be loaded: ${why}`, {
    hint: '--security-opt apparmor=unconfined runs a container without it',
  })
}
