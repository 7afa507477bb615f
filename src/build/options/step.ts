import type { ResourceOptions, Rlimit } from '#runtime'
import type { NetworkMode } from '../types.ts'

/** What steps run with. */
export interface StepOptions {
  /** Network of RUN steps that do not say. Default `default`. */
  readonly network?: NetworkMode
  /** Steps at once; default the number of processors, at least 2. */
  readonly parallelism?: number
  /** What steps may ask for: `network.host`, `security.insecure`, `device`, `device=NAME`. */
  readonly allow?: readonly string[]
  /** By id. Read when a step first asks for one. */
  readonly secrets?: Readonly<Record<string, SecretSource>>
  /** By id. */
  readonly ssh?: Readonly<Record<string, SshSource>>
  /** `name:address`, for every step's /etc/hosts. */
  readonly extraHosts?: readonly string[]
  /** Bytes of every step's /dev/shm. */
  readonly shmSize?: number
  readonly ulimits?: readonly Rlimit[]
  /** The control group below which each step gets its own: a path from the hierarchies' root. */
  readonly cgroupParent?: string
  /** Limits of each step. */
  readonly resources?: ResourceOptions
  /** What is done with a step that failed, before its file system is gone. */
  readonly onError?: OnError
}

/** A command for `/bin/sh -c`, whose output is the step's; or a shell, opened when somebody is there to use it. */
export type OnError = { readonly command: string } | { readonly shell: (open: () => Promise<void>) => Promise<void> }

/** Where a secret's bytes are. */
export type SecretSource = { readonly file: string } | { readonly env: string }

/** An agent's socket, or private key files that a small agent of the build's own serves. */
export type SshSource = { readonly socket: string } | { readonly keys: readonly string[] }
