import type { Readable, Writable } from 'node:stream'
import type { Call } from '#base'
import type { Descriptor, Digest } from '#oci'
import type { RemoteDocument, StoredLogin } from '#registry/client'
import type {
  CheckReport,
  CheckResult,
  Collected,
  RegistryConfig,
  RunningRegistry,
  StorageConfig,
} from '#registry/server'

/** What of a repository is pulled. */
export interface PullOptions {
  /** Of an index, the image for this platform instead of the host's: `linux/arm64`. */
  readonly platform?: string
  /** Every tag of the repository. */
  readonly all?: boolean
  /** What refers to the image comes with it: signatures, SBOMs, attestations. */
  readonly referrers?: boolean
  /** Layers under way at once. Default 3, or 4 where the machine has as many processors. */
  readonly jobs?: number
}

/** One name that was pulled. */
export interface Pulled {
  /** As people write it: `debian:12`. */
  readonly name: string
  /** The whole name. */
  readonly reference: string
  /** What the name means in the registry: the digest of a manifest or index. */
  readonly digest: Digest
  /** Digest of the config. */
  readonly id: Digest
  /** False when the name meant this very image here already. */
  readonly changed: boolean
}

/** What of an image is pushed. */
export interface PushOptions {
  /** Every tag that the repository has here. */
  readonly all?: boolean
  /** Of an index, the image for this platform alone, by its own manifest. */
  readonly platform?: string
  /** What refers to the image goes with it. */
  readonly referrers?: boolean
  /** Blobs under way at once. Default 4. */
  readonly jobs?: number
}

/** One tag that was pushed. */
export interface Pushed {
  readonly name: string
  readonly tag: string
  /** Of the manifest or index as the registry has it. */
  readonly digest: Digest
  /** Bytes of that. */
  readonly size: number
  /** The index that this image is a part of, when its other images are not here and so were not pushed. */
  readonly partOf?: Digest
}

/**
 * A registry's configuration, and where it keeps everything: `local` is the node's own images (default: a directory
 * under the node's root, apart from them).
 */
export interface ServeRequest extends RegistryConfig {
  readonly storage?: StorageConfig | { readonly kind: 'local' }
}

/** How the document behind a name is read. */
export interface ManifestOptions {
  readonly insecure?: boolean
  /** Instead of what the name means, this document of the same place. */
  readonly entry?: Descriptor
}

/** Which registry is to be checked: with this machine's logins and certificates. */
export interface CheckRequest {
  /** `https://registry.example`; without a scheme plain HTTP. */
  readonly url: string
  /** Two repositories that may be written to. Default `cairn-check/one` and `cairn-check/two`. */
  readonly repositories?: readonly [string, string]
}

/** Registries as such; images come and go by {@link Images.pull} and {@link Images.push}. */
export interface Registries {
  /** Tries the credential, then stores it where other tools find it. `unauthenticated` when it is refused. */
  login(
    server: string,
    credential: { readonly username: string; readonly password: string },
    call?: Call,
  ): Promise<StoredLogin>
  /** False when there was no login. */
  logout(server: string, call?: Call): Promise<boolean>
  /** Forgets every login; answers the servers. */
  logoutAll(call?: Call): Promise<readonly string[]>
  tags(repository: string, call?: Call): AsyncIterable<string>
  /**
   * Removes a tag from its registry (distribution-spec, Content Management), or by digest a manifest with every tag
   * that names it. `unimplemented` where the registry deletes no tags.
   */
  delete(name: string, options?: { readonly insecure?: boolean }, call?: Call): Promise<void>
  /** The manifest or index behind a name, as its registry (or a layout, an archive, the store) has it. */
  manifest(name: string, options?: ManifestOptions, call?: Call): Promise<RemoteDocument>
  /** Serves until it is stopped. */
  serve(request: ServeRequest, call?: Call): Promise<RunningRegistry>
  /** Removes from a registry's storage what it no longer needs, as its servers do from time to time. */
  collect(request: ServeRequest, call?: Call): Promise<Collected>
  /** Serves this node's images over two pipes until the first ends: what is at the other end of `ssh://`. */
  serveStdio(input: Readable, output: Writable): Promise<void>
  /** Checks a registry against the distribution-spec. It writes to two repositories of its own. */
  check(request: CheckRequest, onResult?: (result: CheckResult) => void, call?: Call): Promise<CheckReport>
}
