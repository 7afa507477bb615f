/** What was removed, and the bytes that came free. */
export interface Pruned {
  readonly removed: readonly string[]
  readonly bytes: number
}
