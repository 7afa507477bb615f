import type { ByteStream } from '#base'
import type { OpenedImage } from '#image'

/** Where the Dockerfile and the files that it names are read. */
export interface ContextOptions {
  /**
   * What COPY and ADD read: a directory; the URL of a git repository (`URL#ref:subdir`), of an archive or of a lone
   * Dockerfile; or `-` for {@link contextStream}.
   */
  readonly context: string
  /** For a context `-`: an archive, compressed or not, or a Dockerfile. */
  readonly contextStream?: ByteStream
  /** `--build-context`: contexts that stand for stages and images of these names. */
  readonly contexts?: Readonly<Record<string, ContextSource>>
  /** Path or URL of the Dockerfile, inside the context where that is no directory; default `Dockerfile` in it. */
  readonly dockerfile?: string
  /** The Dockerfile's bytes themselves (`-f -`); `dockerfile` then only names them in messages. */
  readonly dockerfileBytes?: Uint8Array
  /** Directory whose git HEAD gives config and history their time; default the context. */
  readonly gitDirectory?: string
}

/**
 * A directory, `docker-image://ref`, `oci-layout://directory[:tag][@digest]`, the URL of a git repository or of a file;
 * or an image that is open already.
 */
export type ContextSource = string | OpenedImage
