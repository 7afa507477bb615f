import type { ByteStream, Call } from '#base'
import type { Target } from '#content'
import type { Descriptor, Digest } from '#oci'

/** One HTTP request. Wrappers of a {@link Transport} may change it and send it again. */
export interface RegistryRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly url: string
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>
  /** Bytes can be sent again after a failure; a stream goes out once. */
  readonly body?: Uint8Array | ByteStream
  /** Content-Length of a stream. */
  readonly length?: number
  /** What the request needs to be allowed, as token scopes: `repository:library/debian:pull`. */
  readonly scope?: readonly string[]
  /** Not to be sent again by the retry wrapper: the caller knows better how to go on. */
  readonly once?: boolean
  readonly signal?: AbortSignal | undefined
}

/**
 * Sends a request and resolves with the head of the answer, whatever its status. Rejects with
 * `unavailable` when there is no answer, `canceled` when the signal fired. Redirects come back as
 * they are. Wrappers compose: `withAuth(withRedirects(withRetry(fetchTransport())))`.
 */
export type Transport = (request: RegistryRequest) => Promise<Response>

/** Who asks. Secrets: never put into a message, a log or a command line. */
export type Credential =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  /** An OAuth2 refresh token, exchanged for access tokens (`identitytoken` in Docker's file). */
  | { readonly kind: 'identity'; readonly token: string; readonly username?: string }
  /** A ready access token (`registrytoken`), sent as it is. */
  | { readonly kind: 'bearer'; readonly token: string }

/** Finds the credential for a repository; undefined for none. `repository` is `domain/path`, or a domain alone. */
export type CredentialSource = (repository: string, call?: Call) => Promise<Credential | undefined>

/** Where a registry answers. */
export interface Endpoint {
  /** Host with its port as it is dialled: `registry-1.docker.io`, `localhost:5000`. */
  readonly host: string
  /** The repository's path at this endpoint; a mirror may keep it elsewhere. */
  readonly path: string
  /** The certificate need not be valid, and plain HTTP is tried where TLS is not spoken. */
  readonly insecure: boolean
  /** Plain HTTP from the start. */
  readonly plainHttp?: boolean
  /** What a mirror is asked for; absent for the registry itself. */
  readonly mirror?: 'all' | 'digest-only' | 'tag-only'
}

/** The files, environment and programs of the machine, handed in so that this room runs anywhere. */
export interface RegistryHost {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The user's home directory. */
  readonly home: string
  readonly uid?: number
  /** A file's text; undefined when it is absent. Other failures are thrown. */
  readFile(path: string): Promise<string | undefined>
  /** Names in a directory, unsorted; empty when it is absent. */
  listDirectory(path: string): Promise<readonly string[]>
  /** Replaces a file in one step, readable by its owner alone (0600), with its parent directories (0700). */
  replaceFile(path: string, text: string): Promise<void>
  /** Runs `docker-credential-*`: input on stdin, never in the arguments. `not_found` when there is no such program. */
  run(program: string, args: readonly string[], input: string, call?: Call): Promise<ProgramResult>
}

/** How a credential helper ended. */
export interface ProgramResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A manifest or index with its bytes. */
export interface RemoteDocument {
  readonly descriptor: Descriptor
  readonly bytes: Uint8Array
}

/** One repository of a registry: a {@link Target} with all that the distribution-spec offers besides. */
export interface Repository extends Target {
  /** `localhost:5000/team/app`: no tag, no digest. */
  readonly name: string
  /** Two repositories with the same registry can mount each other's blobs. */
  readonly registry: string
  /** What the registry calls it: `team/app`. */
  readonly path: string
  /** The manifest or index behind a tag or digest, fetched and checked. One transfer where `resolve` + `open` are two. */
  document(ref: string, call?: Call): Promise<RemoteDocument>
  /** How large a blob is, asked for by its digest alone; undefined when it is not there. */
  blobSize(digest: Digest, call?: Call): Promise<number | undefined>
  /** True when the registry made the repository have a blob of another one, without a transfer. */
  mount(d: Descriptor, fromRepository: string, call?: Call): Promise<boolean>
  /** Manifests whose subject this is. By the API, or by the tag `sha256-…` where there is no API. */
  referrers(subject: Descriptor, call?: Call & { readonly artifactType?: string }): AsyncIterable<Descriptor>
  /** Every tag, page by page. */
  tags(call?: Call): AsyncIterable<string>
  /** Removes a tag, or a manifest by its digest with every tag that names it. */
  delete(ref: string, call?: Call): Promise<void>
  deleteBlob(digest: Digest, call?: Call): Promise<void>
}
