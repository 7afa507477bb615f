/** How the Dockerfile is read. */
export interface LanguageOptions {
  /** Stage to build; default the last one. */
  readonly target?: string
  /** Stop after this step of the target stage, counted as progress shows it: the result is what is there then. */
  readonly targetStep?: number
  readonly buildArgs?: Readonly<Record<string, string>>
}
