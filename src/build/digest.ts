import type { Digest } from '#oci'

/** SHA-256 of a text, without leaving the thread: keys are made by the hundred. */
export function digestText(text: string): Digest {
  return `sha256:${new Bun.CryptoHasher('sha256').update(text).digest('hex')}`
}

/** Digest of plain data, equal for equal data: members are sorted, absent ones do not count. */
export function digestData(data: unknown): Digest {
  return digestText(canonicalJson(data))
}

/** JSON with the members of every object in order of their names. */
export function canonicalJson(data: unknown): string {
  return JSON.stringify(data, (_key, value: unknown) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
}
