import { existsSync } from 'node:fs'

/** Why a test that needs these commands cannot run here, or undefined when it can. */
export function lacking(...commands: readonly string[]): string | undefined {
  const missing = commands.filter((command) => !Bun.which(command))
  return missing.length > 0 ? `needs ${missing.join(', ')}` : undefined
}

/** Why a test that needs root cannot run here, or undefined when it can. */
export function needsRoot(): string | undefined {
  return process.getuid?.() === 0 ? undefined : 'needs root'
}

/** The first reason given; prints it, so that a skipped test says why. */
export function skipReason(name: string, ...reasons: readonly (string | undefined)[]): boolean {
  const reason = reasons.find((r) => r !== undefined)
  if (reason) console.log(`skipped: ${name}: ${reason}`)
  return reason !== undefined
}

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  readonly stdin?: string | Uint8Array
  readonly timeoutMs?: number
}

/** Runs a command to its end and answers with what it said. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const child = Bun.spawn([...argv], {
    stdin:
      options.stdin === undefined
        ? 'ignore'
        : typeof options.stdin === 'string'
          ? Buffer.from(options.stdin)
          : options.stdin,
    stdout: 'pipe',
    stderr: 'pipe',
    ...(options.cwd ? { cwd: options.cwd } : {}),
    env: { ...process.env, ...options.env },
    timeout: options.timeoutMs ?? 120_000,
  })
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { code, stdout, stderr }
}

/** Like {@link run}, but anything other than exit 0 is an error with the command's own words. */
export async function must(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(argv, options)
  if (code !== 0) throw new Error(`${argv.join(' ')} exited with ${code}\n${stdout}${stderr}`)
  return stdout
}

/** True for a path that is there. */
export const present: (path: string) => boolean = existsSync
