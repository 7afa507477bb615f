/** How the Dockerfile is read. */
export interface LanguageOptions {
  /** Stage to build; default the last one. */
  readonly target?: string
  readonly buildArgs?: Readonly<Record<string, string>>
}
