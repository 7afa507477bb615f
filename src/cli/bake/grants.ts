import { realpathSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import type { Target } from '#bake'
import { fail } from '#base'
import { localPaths, type Origin } from './remote.ts'

/** What the caller may grant to a file's targets; `fs` and `ssh` are asked for where the file comes from elsewhere. */
export const GRANTS = [
  'network.host',
  'security.insecure',
  'device',
  'device=',
  'ssh',
  'fs=',
  'fs.read=',
  'fs.write=',
] as const

/** Whoever grants something that there is not has something else in mind. */
export function checkGrants(allowed: readonly string[]): void {
  const unknown = allowed.find(
    (text) => !GRANTS.some((one) => (one.endsWith('=') ? text.startsWith(one) : text === one)),
  )
  if (unknown !== undefined)
    fail('invalid_argument', `--allow ${unknown}: there is no such entitlement`, {
      hint: GRANTS.map((one) => (one.endsWith('=') ? `${one}…` : one)).join(', '),
    })
}

/** What could reach beyond the build, its file may only ask for; whoever calls grants it. */
export function checkGranted(name: string, target: Target, allowed: readonly string[], origin?: Origin): void {
  const missing = [
    ...(target.entitlements ?? []).filter(
      (wanted) => !allowed.includes(wanted.startsWith('device=') && allowed.includes('device') ? 'device' : wanted),
    ),
    ...(origin ? missingOfMachine(target, allowed, origin) : []),
  ]
  if (missing.length > 0)
    fail('permission_denied', `target ${name} asks for ${missing.join(' and ')}`, {
      hint: `grant it with ${missing.map((wanted) => `--allow=${wanted}`).join(' ')}`,
    })
}

/** A definition from elsewhere reads and writes what is below the working directory, and no more. */
function missingOfMachine(target: Target, allowed: readonly string[], origin: Origin): string[] {
  const ssh = (target.ssh ?? []).some(({ paths }) => paths === undefined) && !allowed.includes('ssh') ? ['ssh'] : []
  if (/^(?:1|t|true)$/i.test(process.env['BAKE_ALLOW_REMOTE_FS_ACCESS'] ?? '')) return ssh
  const { read, written } = localPaths(target, origin)
  const outside = (paths: readonly string[], kind: 'read' | 'write'): string[] => {
    const granted = grantedPaths(allowed, kind)
    if (granted.includes('*')) return []
    const roots = ['.', ...granted].map(real)
    const beyond = paths.map(real).filter((path) => !roots.some((root) => isBelow(path, root)))
    return [...new Set(beyond)].map((path) => `fs.${kind}=${path}`)
  }
  return [...ssh, ...outside(read, 'read'), ...outside(written, 'write')]
}

function grantedPaths(allowed: readonly string[], kind: 'read' | 'write'): string[] {
  return allowed.flatMap((text) => {
    const [, only, path] = /^fs(?:\.(read|write))?=(.*)$/s.exec(text) ?? []
    return path === undefined || (only !== undefined && only !== kind) ? [] : [path]
  })
}

/** Where a path leads; of what is not there yet, where it would be. */
function real(path: string): string {
  const whole = resolve(path.replace(/^~(?=\/|$)/, process.env['HOME'] ?? '~'))
  try {
    return realpathSync(whole)
  } catch {
    return dirname(whole) === whole ? whole : join(real(dirname(whole)), basename(whole))
  }
}

function isBelow(path: string, root: string): boolean {
  const way = relative(root, path)
  return way !== '..' && !way.startsWith('../')
}
