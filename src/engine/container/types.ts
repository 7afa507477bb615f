import type { ByteStream, Call } from '#base'
import type { Descriptor, Digest } from '#oci'
import type { Exit, LogRecord, PortMapping, PortRequest, ResourceOptions, Rlimit } from '#runtime'
import type { Change } from '#snapshot'
import type { ProcessInfo } from '#sys'
import type { Pruned } from '../pruned.ts'

/** `missing`: pulled when it is not here; `always`: the registry says what the name means now; `never`. */
export type PullPolicy = 'missing' | 'always' | 'never'

/** Docker's word for where a container is in its life. */
export type ContainerState = 'created' | 'running' | 'paused' | 'exited' | 'removing'

/** What to run, and how: Docker's `run` flags as data. Absent means the image's or Docker's default. */
export interface ContainerOptions {
  /** A reference, or an image ID or a prefix of one. */
  readonly image: string
  /** When its registry is asked for the image. Default `missing`. */
  readonly pull?: PullPolicy
  /** `os/architecture[/variant]` of the image, here or pulled. Default: the host's, or the only one. */
  readonly platform?: string
  readonly name?: string
  readonly command?: readonly string[]
  /** Replaces the image's; an empty list clears it. */
  readonly entrypoint?: readonly string[]
  /** `NAME=value`; a bare `NAME` removes the image's. */
  readonly env?: readonly string[]
  readonly workdir?: string
  /** `user`, `uid`, `user:group`. */
  readonly user?: string
  readonly groups?: readonly string[]
  readonly hostname?: string
  readonly domainname?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly tty?: boolean
  /** Keep stdin open. */
  readonly stdin?: boolean
  /** Started by a caller who does not stay. */
  readonly detach?: boolean
  /** Remove the container when it exits. */
  readonly autoRemove?: boolean
  readonly readonlyRoot?: boolean
  readonly privileged?: boolean
  /** A small init as process 1. */
  readonly init?: boolean
  readonly mounts?: readonly MountRequest[]
  /** Containers whose volumes and host directories it has as well: `NAME[:ro|rw]`. */
  readonly volumesFrom?: readonly string[]
  /** `bridge` (default), `none`, `host`, a network's name, or `container:NAME` to share another's. */
  readonly network?: string
  readonly aliases?: readonly string[]
  readonly ports?: readonly PortRequest[]
  /** Publish every exposed port on a free one. */
  readonly publishAll?: boolean
  /** `port/protocol`. */
  readonly expose?: readonly string[]
  /** `name:address`. */
  readonly extraHosts?: readonly string[]
  readonly dns?: readonly string[]
  readonly dnsSearch?: readonly string[]
  readonly dnsOptions?: readonly string[]
  readonly capAdd?: readonly string[]
  readonly capDrop?: readonly string[]
  /** `no-new-privileges`, `seccomp=unconfined`, … */
  readonly securityOptions?: readonly string[]
  readonly devices?: readonly DeviceRequest[]
  /** Devices by their CDI names: `vendor.com/class=name`. */
  readonly cdiDevices?: readonly string[]
  readonly sysctls?: Readonly<Record<string, string>>
  readonly ulimits?: readonly Rlimit[]
  readonly resources?: ResourceOptions
  /** Bytes. */
  readonly shmSize?: number
  /** `host`, `container:NAME` to share another's, or absent. */
  readonly pid?: string
  /** `host`, `none` for no /dev/shm, or absent. */
  readonly ipc?: string
  readonly uts?: string
  readonly cgroupns?: 'host' | 'private'
  readonly oomScoreAdj?: number
  readonly stopSignal?: string
  /** Seconds. */
  readonly stopTimeout?: number
  readonly logDriver?: 'k8s-file' | 'none'
  readonly runtime?: string
}

/** A device of the host, and its place in the container. */
export interface DeviceRequest {
  readonly source: string
  readonly target: string
  /** Of `rwm`. */
  readonly permissions: string
}

/** One `-v`, `--mount` or `--tmpfs`. */
export interface MountRequest {
  readonly type: 'bind' | 'volume' | 'tmpfs'
  /** Host path, or volume name; absent for tmpfs and anonymous volumes. */
  readonly source?: string
  readonly target: string
  readonly readonly?: boolean
  readonly propagation?: string
  /** Do not fill an empty volume from the image. */
  readonly nocopy?: boolean
  /** Make a missing host directory, as `-v` does and `--mount` does not. */
  readonly createSource?: boolean
  /** `size=64m,mode=1777`. */
  readonly tmpfsOptions?: string
}

/** A mount as a container has it. */
export interface ContainerMount {
  readonly type: 'bind' | 'volume' | 'tmpfs'
  /** Volume name. */
  readonly name?: string
  /** Host path; empty for tmpfs. */
  readonly source: string
  readonly target: string
  readonly readonly: boolean
  readonly propagation?: string
  readonly tmpfsOptions?: string
  /** Do not fill an empty volume from the image. */
  readonly nocopy?: boolean
  /** Make a missing host directory. */
  readonly createSource?: boolean
  /** An anonymous volume that goes with its container. */
  readonly anonymous?: boolean
}

/** What `create` decided, kept for every later start. */
export interface ContainerConfig {
  readonly options: ContainerOptions
  readonly imageId: Digest
  readonly manifest: Descriptor
  readonly layers: readonly Digest[]
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly workdir: string
  readonly user: string
  readonly hostname: string
  readonly labels: Readonly<Record<string, string>>
  readonly mounts: readonly ContainerMount[]
  readonly network: string
  readonly ports: readonly PortRequest[]
  readonly exposed: readonly string[]
  readonly stopSignal: string
}

/** A container's place in a network while it runs. */
export interface Attached {
  readonly network: string
  readonly networkId: string
  readonly ipv4?: string
  readonly ipv6?: string
  readonly mac?: string
  readonly gateway?: string
  readonly prefix?: number
  readonly ports: readonly PortMapping[]
}

/** A container as the node remembers it. Times are milliseconds since the epoch. */
export interface Container {
  readonly id: string
  readonly name: string
  /** As the user wrote it. */
  readonly image: string
  readonly created: number
  readonly config: ContainerConfig
  readonly state: ContainerState
  /** The container's first process, when it is known and alive. */
  readonly pid?: number
  readonly started?: number
  readonly finished?: number
  readonly exitCode?: number
  readonly oomKilled?: boolean
  readonly error?: string
  readonly attached?: Attached
}

/** The caller's own stdio, as file descriptors. */
export interface CallerIo {
  readonly stdin?: number
  readonly stdout: number
  readonly stderr: number
  /** The caller's stdin is a terminal that can be put into raw mode and has a size. */
  readonly terminal?: { readonly fd: number }
  /** Bytes that detach; absent: ctrl-p ctrl-q. */
  readonly detachKeys?: Uint8Array
}

/** What is attached when a container starts. */
export interface StartOptions {
  /** Stay with it until it exits: its output goes here. */
  readonly io?: CallerIo
  /** Told once the container runs: from now on it can be signalled and resized. */
  readonly onStart?: (container: Container) => void
}

/** How a verb that stayed with a process ended. */
export interface Ended extends Exit {
  /** The caller left by the detach keys; the container runs on. */
  readonly detached?: boolean
}

/** A further process in a container that runs. */
export interface ExecOptions {
  readonly command: readonly string[]
  readonly env?: readonly string[]
  readonly user?: string
  readonly workdir?: string
  readonly tty?: boolean
  readonly stdin?: boolean
  readonly detach?: boolean
  readonly privileged?: boolean
}

/** Which part of a log is read. */
export interface LogOptions {
  readonly follow?: boolean
  /** Lines from the end; absent for all. */
  readonly tail?: number
  /** Milliseconds since the epoch. */
  readonly since?: number
  readonly until?: number
}

/** What `rm` may take along. */
export interface RemoveOptions {
  /** Kill it first. */
  readonly force?: boolean
  /** With its anonymous volumes. */
  readonly volumes?: boolean
}

/** How an image is made of a container. */
export interface CommitOptions {
  readonly name?: string
  readonly author?: string
  readonly message?: string
  /** Dockerfile instructions (`CMD ["sh"]`, `ENV A=b`). */
  readonly changes?: readonly string[]
  /** A container that runs stands still meanwhile; default true. */
  readonly pause?: boolean
  /** SOURCE_DATE_EPOCH: seconds; later times become it. */
  readonly epoch?: number
}

/** How files are copied to and from a container. */
export interface CopyFilesOptions {
  /** A symlink at the source's end stands for what it leads to. */
  readonly follow?: boolean
  /** Into a container: the files become its user's. Out of one: they stay whose they are. */
  readonly archive?: boolean
}

/** Bytes. */
export interface ContainerSize {
  /** On disk, over the image. */
  readonly written: number
  /** With the image's layers, uncompressed. */
  readonly total: number
}

/** What a container has used since its start, and uses now. Bytes, where nothing else is said. */
export interface ContainerUsage {
  readonly id: string
  readonly name: string
  /** False for one that runs without a control group, as those of a user who is not root: only processes and traffic are known. */
  readonly measured: boolean
  /** When this was read, milliseconds of a clock that only goes forward. */
  readonly time: number
  /** Nanoseconds of processor time. */
  readonly cpu: number
  /** Less file pages that the kernel would give up first. */
  readonly memory: number
  /** Its limit, or what the machine has. */
  readonly memoryLimit: number
  readonly processes: number
  /** From and to block devices. */
  readonly read: number
  readonly written: number
  /** Over its network interfaces, the loopback left out. */
  readonly received: number
  readonly sent: number
}

/** Containers by ID, prefix of one, or name. */
export interface Containers {
  create(options: ContainerOptions, call?: Call): Promise<Container>
  start(ref: string, options?: StartOptions, call?: Call): Promise<Ended | undefined>
  attach(ref: string, io: CallerIo, call?: Call): Promise<Ended>
  stop(ref: string, options?: { readonly timeout?: number; readonly signal?: string }, call?: Call): Promise<void>
  kill(ref: string, signal?: string): Promise<void>
  pause(ref: string): Promise<void>
  unpause(ref: string): Promise<void>
  wait(ref: string, call?: Call): Promise<Exit>
  remove(ref: string, options?: RemoveOptions, call?: Call): Promise<void>
  rename(ref: string, name: string): Promise<void>
  /** Changes limits, of one that runs at once, and for every later start. What is absent stays. */
  update(ref: string, resources: ResourceOptions, call?: Call): Promise<void>
  exec(ref: string, options: ExecOptions, io: CallerIo, call?: Call): Promise<Exit>
  resize(ref: string, rows: number, columns: number): Promise<void>
  logs(ref: string, options?: LogOptions, call?: Call): AsyncIterable<LogRecord>
  get(ref: string): Promise<Container>
  /** Docker-shaped. */
  inspect(ref: string, options?: { readonly size?: boolean }): Promise<object>
  list(): Promise<readonly Container[]>
  size(ref: string): Promise<ContainerSize>
  /** The merged file system as a tar. */
  export(ref: string, call?: Call): Promise<ByteStream>
  /** What it has changed in its image, each directory before what is in it; mount points that the runtime made are left out. */
  changes(ref: string, call?: Call): Promise<readonly Change[]>
  /** Its processes while it runs, as this machine sees them. */
  processes(ref: string): Promise<readonly ProcessInfo[]>
  /** Makes an image of what it has changed in its own; answers the ID. */
  commit(ref: string, options?: CommitOptions, call?: Call): Promise<Digest>
  /** What it has used; zeros while it does not run. */
  usage(ref: string): Promise<ContainerUsage>
  /** A file or directory of it as a tar, volumes and mounts included; paths are resolved inside its root. */
  archive(ref: string, path: string, options?: CopyFilesOptions, call?: Call): ByteStream
  /** Makes the files of a tar in one of its directories. */
  extract(ref: string, path: string, tar: ByteStream, options?: CopyFilesOptions, call?: Call): Promise<void>
  /** Copies a file or directory out of it, by the rules of `docker cp`; answers the bytes of the tar that went over. */
  copyOut(ref: string, path: string, destination: string, options?: CopyFilesOptions, call?: Call): Promise<number>
  /** And into it. */
  copyIn(ref: string, source: string, path: string, options?: CopyFilesOptions, call?: Call): Promise<number>
  prune(filter?: (container: Container) => boolean, call?: Call): Promise<Pruned>
  /** What a monitor, given by its process ID, has done when its container has exited. */
  exited(id: string, monitor: number): Promise<void>
}
