/** A commit by its length, or a digest. */
export function digestSet(digest: string): Readonly<Record<string, string>> {
  const [algorithm, hex] = digest.split(':')
  if (hex !== undefined) return { [algorithm!]: hex }
  return { [digest.length === 64 ? 'sha256' : 'sha1']: digest }
}

/** A URL less the name and password that it may carry. */
export function withoutCredentials(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, '$1')
}
