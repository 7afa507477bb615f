import { decodeName, encodeName, NONE, PathTree } from '#codec'

/** Files and what counts of each, in a few bytes. The text of a directory begins with a `d`. */
export class FileList implements Iterable<readonly [path: string, text: string]> {
  count = 0
  readonly #paths = new PathTree()
  /** Where each text begins among the names; 0, which is a name's, for none. */
  #start = new Uint32Array(1024)
  #length = new Uint16Array(1024)

  set(path: string, text: string): void {
    const { arena } = this.#paths
    const node = this.#paths.make(path)
    if (node >= this.#start.length) {
      this.#start = new Uint32Array(this.#start.buffer.transfer(8 * node))
      this.#length = new Uint16Array(this.#length.buffer.transfer(4 * node))
    }
    if (this.#start[node] === 0) this.count++
    const size = arena.stage(text)
    this.#start[node] = arena.keep(size)
    this.#length[node] = size
  }

  get(path: string): string | undefined {
    const node = this.#paths.find(path)
    return node === NONE ? undefined : this.#text(node)
  }

  /** In order of the paths' bytes. */
  *[Symbol.iterator](): Generator<readonly [path: string, text: string], void, void> {
    for (const [path, node] of this.#paths.inOrder()) {
      const text = this.#text(node)
      if (text !== undefined) yield [path, text]
    }
  }

  /** What goes before, path and text in turn, each with a NUL behind it. */
  bytes(head: string): Uint8Array {
    let bytes = new Uint8Array(64 << 10)
    let filled = 0
    const add = (part: string): void => {
      const encoded = encodeName(part)
      const end = filled + encoded.length + 1
      if (end > bytes.length) bytes = new Uint8Array(bytes.buffer.transfer(2 * end))
      bytes.set(encoded, filled)
      filled = end
    }
    add(head)
    for (const [path, text] of this) {
      add(path)
      add(text)
    }
    return bytes.subarray(0, filled)
  }

  /** Inverse of {@link bytes}, without the head. */
  static of(bytes: Uint8Array): FileList {
    const list = new FileList()
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    for (let at = 0; at < buffer.length;) {
      const middle = buffer.indexOf(0, at)
      const end = buffer.indexOf(0, middle + 1)
      list.set(decodeName(buffer, at, middle), decodeName(buffer, middle + 1, end))
      at = end + 1
    }
    return list
  }

  #text(node: number): string | undefined {
    const start = this.#start[node]!
    return start === 0 ? undefined : this.#paths.arena.text(start, this.#length[node]!)
  }
}
