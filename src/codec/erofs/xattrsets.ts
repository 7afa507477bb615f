import type { Arena } from './arena.ts'
import { encodeXattrs, keptXattrs, xattrKey } from './xattrs.ts'
import type { OverlayMarks, Xattrs } from './xattrs.ts'

/** The distinct attribute sets of a layer, each known by a number; 0 is the empty one. Few in any real layer. */
export class XattrSets {
  readonly #arena: Arena
  readonly #sets: Xattrs[] = [new Map()]
  readonly #byKey = new Map<string, number>([['', 0]])
  readonly #encoded = new Map<number, Uint8Array>()

  constructor(arena: Arena) {
    this.#arena = arena
  }

  add(xattrs: Xattrs): number {
    const kept = keptXattrs(xattrs)
    const key = xattrKey(kept)
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    // The key, the values and their encoded form.
    this.#arena.charge(4 * key.length + 256)
    const set = this.#sets.push(kept) - 1
    this.#byKey.set(key, set)
    return set
  }

  /** Those of both, `over`'s where both have one. */
  union(base: number, over: number): number {
    if (base === 0 || base === over) return over
    return over === 0 ? base : this.add(new Map([...this.#sets[base]!, ...this.#sets[over]!]))
  }

  /** What follows an inode with this set. */
  encode(set: number, marks: OverlayMarks): Uint8Array {
    const id = set * 4 + (marks.opaque ? 2 : 0) + (marks.whiteouts ? 1 : 0)
    let body = this.#encoded.get(id)
    if (!body) this.#encoded.set(id, (body = encodeXattrs(this.#sets[set]!, marks)))
    return body
  }
}
