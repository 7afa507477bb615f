/** ctrl-p ctrl-q. */
const DEFAULT_KEYS = Uint8Array.of(16, 17)

export interface Seen {
  /** What is not part of the sequence (or turned out not to be). */
  readonly pass: Uint8Array
  readonly detach: boolean
}

/**
 * Looks for the detaching keys in what is typed. The beginning of the sequence is held back until
 * the next key tells whether it was meant. An empty sequence never detaches.
 */
export function createDetector(keys: Uint8Array = DEFAULT_KEYS): (chunk: Uint8Array) => Seen {
  let held = 0
  return (chunk) => {
    if (keys.length === 0) return { pass: chunk, detach: false }
    const pass: number[] = []
    for (const byte of chunk) {
      if (byte === keys[held]) {
        if (++held === keys.length) return { pass: Uint8Array.from(pass), detach: true }
        continue
      }
      pass.push(...keys.subarray(0, held))
      held = byte === keys[0] ? 1 : 0
      if (held === 0) pass.push(byte)
    }
    return { pass: Uint8Array.from(pass), detach: false }
  }
}
