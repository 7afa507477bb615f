/** Which of the things that nothing uses go. */
export type Chosen = (thing: Prunable) => boolean

export interface Prunable {
  /** Milliseconds since the epoch. */
  readonly created: number
  readonly labels: Readonly<Record<string, string>>
}

/** What was removed, and the bytes that came free. */
export interface Pruned {
  readonly removed: readonly string[]
  readonly bytes: number
}
