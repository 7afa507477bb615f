import type { Chosen, Pruned } from '../pruned.ts'

/** A directory of its own that outlives containers. */
export interface Volume {
  readonly name: string
  readonly path: string
  readonly created: number
  readonly labels: Readonly<Record<string, string>>
  readonly anonymous: boolean
}

/** The volumes of the store. */
export interface Volumes {
  create(name?: string, labels?: Readonly<Record<string, string>>): Promise<Volume>
  get(name: string): Promise<Volume>
  /** Docker-shaped. */
  inspect(name: string): Promise<object>
  list(): Promise<readonly (Volume & { readonly users: number })[]>
  remove(name: string, options?: { readonly force?: boolean }): Promise<void>
  /** Volumes that no container uses: anonymous ones, or all. */
  prune(options?: { readonly all?: boolean; readonly chosen?: Chosen }): Promise<Pruned>
}
