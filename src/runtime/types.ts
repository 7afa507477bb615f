import type { Call } from '#base'

/** A file descriptor handed to a process, or nothing (`/dev/null`). Containers get real pipes or files, never sockets. */
export type Stream = number | 'null'

export interface Stdio {
  readonly stdin: Stream
  readonly stdout: Stream
  readonly stderr: Stream
}

/** How a process ended, as a shell would say it: 128 + signal when a signal ended it. */
export interface Exit {
  readonly code: number
  readonly oomKilled?: boolean
}

/** A runtime-spec config.json with its directory; the root filesystem is mounted already. */
export interface Bundle {
  readonly dir: string
  readonly spec: RuntimeSpec
}

/** A bundle whose config.json is still to be made: asked for once, when the runtime is starting already. */
export interface PendingBundle {
  /** It exists. */
  readonly dir: string
  readonly spec: () => Promise<RuntimeSpec>
  /** Whether the spec will have a control group. */
  readonly grouped: boolean
}

/** runtime-spec config.md, the members that Cairn writes. */
export interface RuntimeSpec {
  readonly ociVersion: string
  readonly process: ProcessSpec
  readonly root: { readonly path: string; readonly readonly?: boolean }
  readonly hostname?: string
  readonly domainname?: string
  readonly mounts: readonly SpecMount[]
  readonly annotations?: Readonly<Record<string, string>>
  readonly hooks?: Readonly<Record<string, readonly object[]>>
  readonly linux: LinuxSpec
}

export interface ProcessSpec {
  readonly terminal?: boolean
  readonly consoleSize?: { readonly height: number; readonly width: number }
  readonly user: {
    readonly uid: number
    readonly gid: number
    readonly additionalGids?: readonly number[]
    readonly umask?: number
  }
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly cwd: string
  readonly capabilities?: Readonly<
    Record<'bounding' | 'effective' | 'permitted' | 'inheritable' | 'ambient', readonly string[]>
  >
  readonly rlimits?: readonly { readonly type: string; readonly hard: number; readonly soft: number }[]
  readonly noNewPrivileges?: boolean
  readonly apparmorProfile?: string
  readonly oomScoreAdj?: number
}

export interface SpecMount {
  readonly destination: string
  readonly type?: string
  readonly source?: string
  readonly options?: readonly string[]
}

export interface LinuxSpec {
  readonly namespaces: readonly { readonly type: string; readonly path?: string }[]
  readonly cgroupsPath?: string
  readonly resources?: ResourceSpec
  readonly seccomp?: object
  readonly maskedPaths?: readonly string[]
  readonly readonlyPaths?: readonly string[]
  readonly sysctl?: Readonly<Record<string, string>>
  readonly devices?: readonly object[]
  readonly rootfsPropagation?: string
  readonly uidMappings?: readonly object[]
  readonly gidMappings?: readonly object[]
}

export interface ResourceSpec {
  readonly devices?: readonly object[]
  readonly memory?: { readonly limit?: number; readonly reservation?: number; readonly swap?: number }
  readonly cpu?: {
    readonly shares?: number
    readonly quota?: number
    readonly period?: number
    readonly cpus?: string
    readonly mems?: string
  }
  readonly pids?: { readonly limit: number }
}

/**
 * The runtime-spec's verbs over a proven runtime (crun, or runc). Everything here expects the
 * caller to stand in a private mount namespace in which the root filesystem is mounted; `exec`,
 * `kill`, `state` and `delete` work from anywhere.
 */
export interface Runtime {
  /** What `--runtime` calls it: `crun`, `runc` or a path. */
  readonly name: string
  readonly path: string
  /** Where it remembers its containers, their config.json included. */
  readonly stateDir: string
  /**
   * Create, start, wait and delete in one, stdio passed on: no monitor. 127/126 when the command cannot be run. The root of
   * a pending bundle is mounted when its spec is there.
   */
  run(id: string, bundle: Bundle | PendingBundle, io: Stdio, call?: Call): Promise<Exit>
  /** Starts what a monitor created. */
  start(id: string): Promise<void>
  state(id: string): Promise<RuntimeState | undefined>
  /** Runs another process in a container, stdio passed on. */
  exec(id: string, process: ProcessSpec, io: Stdio, call?: Call): Promise<Exit>
  kill(id: string, signal: number, options?: { readonly all?: boolean }): Promise<void>
  pause(id: string): Promise<void>
  resume(id: string): Promise<void>
  /** Changes the limits of a container that exists; those that are absent stay. From a private mount namespace. */
  update(id: string, resources: ResourceSpec): Promise<void>
  delete(id: string, options?: { readonly force?: boolean }): Promise<void>
}

export interface RuntimeState {
  readonly id: string
  readonly status: 'creating' | 'created' | 'running' | 'stopped' | 'paused'
  readonly pid: number
}

/**
 * conmon: the two-megabyte process that stays when the command line leaves. It holds the
 * container's private mount namespace, its stdio, its log and its exit code.
 */
export interface Monitor {
  /** Creates the container under a monitor; it waits for `Runtime.start`. */
  create(
    id: string,
    bundle: Bundle,
    options: MonitorOptions,
    call?: Call,
  ): Promise<{ readonly pid: number; readonly monitorPid: number }>
  /**
   * Another process in a container, under a monitor of its own in `options.dir`: for a terminal
   * (which has a size) or without an attached caller. Attach, then `start`: no output is lost.
   */
  exec(id: string, process: ProcessSpec, options: MonitorOptions, call?: Call): Promise<ExecSession>
  /** Connects to a running (or created) container's stdio. */
  attach(dir: string, options: AttachOptions, call?: Call): Promise<Attachment>
  /** The exit, as soon as it is there; `dir` is the one given to `create`. */
  wait(dir: string, call?: Call): Promise<Exit>
  /** Tells a container's terminal its size. */
  resize(dir: string, rows: number, columns: number): void
}

/** A process that waits to be started. Disposed of before that, it never runs; afterwards nothing happens. */
export interface ExecSession extends Disposable {
  readonly monitorPid: number
  /** Lets it go; its pid. 127/126/125 as for a container when it cannot be run. */
  start(call?: Call): Promise<number>
}

export interface MonitorOptions {
  /** Where config.json, pidfile, attach socket, control fifo and exit file go: short-lived, on tmpfs. */
  readonly dir: string
  /** The container's name, or for `exec` the process's own ID. */
  readonly name: string
  /** Empty for no log. No `:` in it. */
  readonly logPath: string
  readonly terminal: boolean
  /** Keep stdin open for attach clients (`-i`). */
  readonly stdin: boolean
  /** Keep stdin open when the first client leaves (`-d`, `-t`). */
  readonly keepStdin: boolean
  /** Run inside the container's mount namespace after the exit was recorded. */
  readonly exitCommand: readonly string[]
  /** A descriptor that the monitor keeps open as long as it lives. */
  readonly keep?: number
}

export interface AttachOptions {
  readonly terminal: boolean
  readonly stdin?: Stream
  readonly stdout?: Stream
  readonly stderr?: Stream
}

export interface Attachment extends Disposable {
  /** Resolves when the container closed its side. */
  readonly done: Promise<void>
}
