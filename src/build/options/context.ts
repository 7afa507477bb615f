/** Where the Dockerfile and the files that it names are read. */
export interface ContextOptions {
  /** Directory that COPY and ADD read. */
  readonly context: string
  /** Path of the Dockerfile; default `Dockerfile` in the context. */
  readonly dockerfile?: string
  /** The Dockerfile's bytes themselves (`-f -`); `dockerfile` then only names them in messages. */
  readonly dockerfileBytes?: Uint8Array
  /** Directory whose git HEAD gives config and history their time; default the context. */
  readonly gitDirectory?: string
}
