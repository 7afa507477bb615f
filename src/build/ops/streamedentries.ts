import type { EntryTable, LayerEntry } from './target.ts'

/**
 * The entries of a layer that come in its order, as those of one source do: nobody asks for a file again, so it is
 * forgotten once it was taken. Directories are kept, for what is in them looks for them.
 */
export class StreamedEntries implements EntryTable {
  readonly #directories = new Map<string, LayerEntry>()
  readonly #ready: (readonly [path: string, entry: LayerEntry])[] = []

  has(path: string): boolean {
    return this.#directories.has(path)
  }

  get(path: string): LayerEntry | undefined {
    return this.#directories.get(path)
  }

  set(path: string, entry: LayerEntry): void {
    if (entry.type === 'directory') this.#directories.set(path, entry)
    this.#ready.push([path, entry])
  }

  /** What was put since the last time: one entry and directories above it, which come first. */
  [Symbol.iterator](): Iterator<readonly [path: string, entry: LayerEntry], void, void> {
    return this.#ready
      .splice(0)
      .sort(([a], [b]) => a.length - b.length)
      .values()
  }
}
