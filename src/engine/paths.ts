import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { inUserNamespace } from '#sys'

/** Where everything of a node lies. One place, so that the layout can be read at a glance. */
export interface Paths {
  readonly root: string
  readonly run: string
  readonly database: string
  /** A container's own directory: upper, work, log. Lives as long as the container. */
  container(id: string): string
  /** Where a process that starts a container mounts its root, in a mount namespace of its own. */
  readonly roots: string
  /** What is only true while it runs: bundle, monitor's files, /etc files. On tmpfs; gone after a boot. */
  running(id: string): string
  /** What has happened since the last boot, for those who follow. */
  readonly events: string
  lock(id: string): string
  log(id: string): string
  volume(name: string): string
  /** Directories of builds and other work in progress, named by their process. */
  readonly work: string
  /** What `RUN --mount=type=cache` keeps. */
  readonly cacheMounts: string
}

export const DEFAULT_ROOT = '/var/lib/cairn'
const DEFAULT_RUN = '/run/cairn'

/** Where a user who is not root has a store: XDG Base Directory Specification. */
function userRoot(): string {
  return join(process.env['XDG_DATA_HOME'] || join(process.env['HOME'] || '/', '.local/share'), 'cairn')
}

/** And what is only true while the machine runs. Without a session's directory, one of the user's own. */
export function userRun(): string {
  return join(sessionDirectory(), 'cairn')
}

/** `XDG_RUNTIME_DIR`, as a login sets it. */
export function sessionDirectory(): string {
  const uid = process.getuid!()
  const usual = `/run/user/${uid}`
  return process.env['XDG_RUNTIME_DIR'] || (existsSync(usual) ? usual : `/tmp/cairn-${uid}`)
}

/** Root of a user namespace is that user. */
function isUser(): boolean {
  return process.getuid!() !== 0 || inUserNamespace()
}

export function pathsOf(options: { readonly root?: string; readonly run?: string }): Paths {
  const root = resolve(options.root ?? (isUser() ? userRoot() : DEFAULT_ROOT))
  const run = resolve(options.run ?? (isUser() ? userRun() : DEFAULT_RUN))
  return {
    root,
    run,
    database: join(root, 'cairn.db'),
    container: (id) => join(root, 'containers', id),
    roots: join(run, 'roots'),
    running: (id) => join(run, 'containers', id),
    events: join(run, 'events'),
    lock: (id) => join(run, 'locks', id),
    log: (id) => join(root, 'containers', id, 'ctr.log'),
    volume: (name) => join(root, 'volumes', name),
    work: join(root, 'work'),
    cacheMounts: join(root, 'cachemounts'),
  }
}
