import type { Digest } from '#oci'
import type { Rlimit } from '#runtime'
import type { CacheSharing } from '../dockerfile/runmount.ts'
import type { GitSource } from '../source/git/giturl.ts'
import type { NetworkMode, Vertex } from '../types.ts'

/** A result: the layers of a root filesystem by diff ID, from the base up. */
export type Stack = readonly Digest[]

/** What is asked, as plain data. Input 0 is the stack below, where `below` says so. */
export type Definition =
  | ImageDefinition
  | RunDefinition
  | MkdirDefinition
  | CopyDefinition
  | MergeDefinition
  | SquashDefinition
  | HttpDefinition
  | GitDefinition

export type BuildVertex = Vertex<Definition>

/** All layers but the base's made one. */
export interface SquashDefinition {
  readonly op: 'squash'
  /** How many layers stay as they are. */
  readonly base: number
  readonly epoch?: number
}

/** The layers of an image; none for `scratch`. */
export interface ImageDefinition {
  readonly op: 'image'
  /** Which image it is: says where its blobs are to be had. */
  readonly manifest?: Digest
  readonly layers: Stack
}

interface Layered {
  /** False on `scratch`. */
  readonly below: boolean
  /** SOURCE_DATE_EPOCH, if somebody gave one. */
  readonly epoch?: number
}

export interface RunDefinition extends Layered {
  readonly op: 'run'
  readonly args: readonly string[]
  /** `NAME=value`, in order. */
  readonly env: readonly string[]
  /** Reaches the step, but no key. */
  readonly proxy: readonly string[]
  readonly cwd: string
  readonly user: string
  readonly network: NetworkMode
  readonly platform: string
  /** Files that the step finds at absolute paths and its layer does not get. */
  readonly files: readonly { readonly path: string; readonly mode: number; readonly text: string }[]
  /** In order; absent for none. Those with an `input` read it: they follow the stack below. */
  readonly mounts?: readonly StepMount[]
  /** `--device`. */
  readonly devices?: readonly StepDevice[]
  /** Run without a sandbox's limits. */
  readonly insecure?: true
  readonly hostname?: string
  /** Names of extra hosts; where they are is the build's business. */
  readonly hosts?: readonly string[]
  /** Bytes of /dev/shm. */
  readonly shmSize?: number
  readonly ulimits?: readonly Rlimit[]
}

/** A device by its CDI name; without one that is not required the step runs all the same. */
export interface StepDevice {
  readonly name: string
  readonly required: boolean
}

/** `RUN --mount`, with everything expanded. Targets are absolute and clean. */
export type StepMount = BindMount | CacheMount | TmpfsMount | SecretMount | SshMount

export interface BindMount {
  readonly type: 'bind'
  readonly target: string
  /** Path inside of what is mounted. */
  readonly source: string
  /** A directory of this machine, by its context's name. */
  readonly tree?: string
  /** What an input made. */
  readonly input?: true
  readonly readonly: boolean
}

export interface CacheMount extends MountOwner {
  readonly type: 'cache'
  readonly target: string
  readonly id: string
  /** BUILDKIT_CACHE_MOUNT_NS: caches of different namespaces have nothing to do with each other. */
  readonly namespace: string
  readonly sharing: CacheSharing
  /** Path inside the cache. */
  readonly source: string
  /** Begins with what is there. */
  readonly tree?: string
  readonly input?: true
  readonly readonly: boolean
}

export interface TmpfsMount {
  readonly type: 'tmpfs'
  readonly target: string
  /** Bytes. */
  readonly size?: number
  readonly readonly: boolean
}

export interface SecretMount extends MountOwner {
  readonly type: 'secret'
  readonly id: string
  /** Absent where only a variable is wanted. */
  readonly target?: string
  readonly env?: string
  readonly required: boolean
}

export interface SshMount extends MountOwner {
  readonly type: 'ssh'
  readonly id: string
  readonly target: string
  readonly required: boolean
}

export interface MountOwner {
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
}

export interface MkdirDefinition extends Layered {
  readonly op: 'mkdir'
  /** Absolute and clean. */
  readonly path: string
  readonly user: string
}

export interface CopyDefinition extends Layered {
  readonly op: 'copy'
  /** In the order in which they are copied: later ones win. */
  readonly sources: readonly CopyItem[]
  /** Absolute; a slash (or `/.`) at its end means a directory. */
  readonly destination: string
  readonly chown?: string
  readonly chmod?: string
  /** `--exclude`: ignore patterns, matched below each directory that is copied. */
  readonly exclude?: readonly string[]
}

export type CopyItem = CopyPath | { readonly kind: 'inline'; readonly name: string; readonly text: string }

export interface CopyPath {
  readonly kind: 'path'
  readonly from: FileSource
  readonly path: string
  /** `--parents`: an ignore pattern below `path`; what matches is copied with the directories above it. */
  readonly only?: string
  /** The path is one entry's name as it stands: no wildcards, no symlinks. */
  readonly literal?: boolean
  /** Files that are archives are unpacked. */
  readonly unpack: boolean
}

/** Where files come from: a directory of this machine by its context's name, or one of the inputs above the stack below. */
export type FileSource =
  | { readonly tree: string }
  | {
      readonly input: number
      /** The input is a build context: what is copied gets the time of what the build makes. */
      readonly context?: boolean
    }

/** `--link`: the layers of the second input over the stack of the first. */
export interface MergeDefinition {
  readonly op: 'merge'
}

/** One file from a URL. */
export interface HttpDefinition {
  readonly op: 'http'
  readonly url: string
  /** What the file is called in its layer. */
  readonly name: string
  /** What it must hold. */
  readonly checksum?: Digest
}

/** The files of a git repository. */
export interface GitDefinition {
  readonly op: 'git'
  readonly source: GitSource
  /** SOURCE_DATE_EPOCH, if somebody gave one. */
  readonly epoch?: number
}
