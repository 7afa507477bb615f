import { randomUUID } from 'node:crypto'
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname } from 'node:path'
import { fail } from '#base'
import type { Call } from '#base'
import type { ProgramResult, RegistryHost } from '#registry/client'

/** Bytes that a credential helper may answer with. */
const OUTPUT_LIMIT = 1 << 20

/** This machine, as the registry client sees it: its files, its environment, its credential helpers. */
export function machineHost(env: Readonly<Record<string, string | undefined>> = process.env): RegistryHost {
  const uid = process.getuid?.()
  return {
    env,
    home: env.HOME || homedir(),
    ...(uid === undefined ? {} : { uid }),
    async readFile(path) {
      try {
        return await readFile(path, 'utf8')
      } catch (error) {
        return absent(error) ? undefined : unreadable(path, error)
      }
    },
    async listDirectory(path) {
      try {
        return await readdir(path)
      } catch (error) {
        return absent(error) ? [] : unreadable(path, error)
      }
    },
    replaceFile,
    run: (program, args, input, call) => runProgram(program, args, input, env, call),
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = `${path}.${randomUUID()}`
  try {
    // 'wx': never through a link that somebody else put there.
    await writeFile(temporary, text, { mode: 0o600, flag: 'wx', flush: true })
    await chmod(temporary, 0o600)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    fail('permission_denied', `cannot write ${path}: ${codeOf(error)}`)
  }
}

async function runProgram(
  program: string,
  args: readonly string[],
  input: string,
  env: Readonly<Record<string, string | undefined>>,
  call?: Call,
): Promise<ProgramResult> {
  const path = Bun.which(program, { PATH: env.PATH ?? '' })
  if (!path)
    fail('not_found', `${program} is not installed`, { hint: 'install it, or take it out of ~/.docker/config.json' })
  const child = Bun.spawn([path, ...args], {
    env: { ...env },
    stdin: Buffer.from(input),
    stdout: 'pipe',
    stderr: 'pipe',
    maxBuffer: OUTPUT_LIMIT,
    ...(call?.signal ? { signal: call.signal } : {}),
  })
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  if (call?.signal?.aborted) fail('canceled', 'canceled', { cause: call.signal.reason })
  return { code, stdout, stderr }
}

function absent(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(codeOf(error))
}

function unreadable(path: string, error: unknown): never {
  return fail('permission_denied', `cannot read ${path}: ${codeOf(error)}`)
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
}
