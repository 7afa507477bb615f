import type { ResolvedUser } from '../user.ts'
import type { Device } from './devices.ts'
import type { Rlimit } from './rlimits.ts'
import type { Security } from './security.ts'

/** Everything that decides a container's config.json. Absent means Docker's default. */
export interface SpecOptions {
  /** The mounted root filesystem: an absolute path. */
  readonly rootfs: string
  readonly readonlyRootfs?: boolean
  readonly args: readonly string[]
  /** `NAME=value`: the image's and the user's, later ones winning. PATH, HOSTNAME, HOME and TERM are supplied when missing. */
  readonly env?: readonly string[]
  /** Default `/`; made by the runtime when absent in the root filesystem. */
  readonly cwd?: string
  /** Default root. */
  readonly user?: ResolvedUser
  readonly umask?: number
  readonly tty?: boolean
  readonly consoleSize?: { readonly rows: number; readonly columns: number }
  readonly hostname?: string
  readonly domainname?: string
  /** A namespace by path, the host's own, or (default) a fresh one with loopback alone. */
  readonly network?: { readonly path: string } | 'host' | 'none'
  readonly pid?: NamespaceMode
  readonly ipc?: NamespaceMode
  readonly uts?: NamespaceMode
  /** Default private with cgroup v2, host with v1. */
  readonly cgroupns?: 'host' | 'private'
  /** Host files for `/etc/hosts`, `/etc/hostname` and `/etc/resolv.conf`. */
  readonly files?: NetworkFilePaths
  readonly mounts?: readonly MountOption[]
  /** Whether there is a `/dev/shm`; default true. */
  readonly shm?: boolean
  /** Bytes of `/dev/shm`; default 64 MiB. */
  readonly shmSize?: number
  readonly privileged?: boolean
  readonly capAdd?: readonly string[]
  readonly capDrop?: readonly string[]
  readonly security?: Security
  readonly devices?: readonly Device[]
  readonly sysctls?: Readonly<Record<string, string>>
  readonly ulimits?: readonly Rlimit[]
  readonly resources?: ResourceOptions
  /** Path of the control group under each hierarchy's root, for example `/cairn/ID`. */
  readonly cgroupsPath?: string
  readonly oomScoreAdj?: number
  /** Path on the host of a static init that becomes process 1 and reaps: see `findInit`. */
  readonly init?: string
  readonly annotations?: Readonly<Record<string, string>>
}

/** A namespace of its own, the host's, or another container's by path. */
export type NamespaceMode = 'private' | 'host' | { readonly path: string }

export interface NetworkFilePaths {
  readonly hosts?: string
  readonly hostname?: string
  readonly resolvConf?: string
}

/** A volume is a bind mount here: its directory is the source. */
export type MountOption = BindOption | TmpfsOption

export interface BindOption {
  readonly type: 'bind'
  readonly source: string
  readonly target: string
  readonly readonly?: boolean
  /** `rprivate` (default), `private`, `rshared`, `shared`, `rslave`, `slave`. */
  readonly propagation?: string
  /** Without what is mounted below the source. */
  readonly nonRecursive?: boolean
}

export interface TmpfsOption {
  readonly type: 'tmpfs'
  readonly target: string
  readonly readonly?: boolean
  /** `size=64m,mode=1777,exec`; Docker's `noexec,nosuid,nodev` hold unless contradicted. */
  readonly options?: string
}

/** Limits of a container's control group; absent means none. */
export interface ResourceOptions {
  /** Bytes; at least 6 MiB. */
  readonly memory?: number
  readonly memoryReservation?: number
  /** Memory and swap together, bytes; -1 for no limit; default twice `memory`. */
  readonly memorySwap?: number
  readonly cpus?: number
  readonly cpuShares?: number
  /** Microseconds. */
  readonly cpuPeriod?: number
  readonly cpuQuota?: number
  /** `0-2,4`. */
  readonly cpusetCpus?: string
  readonly cpusetMems?: string
  /** 0 or -1 for no limit. */
  readonly pidsLimit?: number
}
