/** Query parameters that the distribution-spec and the token protocol define: no secrets. */
const SHOWN = new Set([
  'account',
  'artifactType',
  'digest',
  'from',
  'last',
  'mount',
  'n',
  'ns',
  'scope',
  'service',
  'tag',
])
const TEXT_LIMIT = 300

/** A URL as it may be shown: without user, password, fragment, and the values of unknown parameters (signatures). */
export function redactUrl(text: string): string {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    return '(not a URL)'
  }
  const query = [...url.searchParams].map(([key, value]) => `${key}=${SHOWN.has(key) ? value : '…'}`)
  return printable(`${url.origin}${url.pathname}${query.length > 0 ? `?${query.join('&')}` : ''}`, 500)
}

/** Text from outside for one line of a message: no control characters, bounded. */
export function printable(text: string, limit: number = TEXT_LIMIT): string {
  const line = text
    .slice(0, limit * 4)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
  return line.length > limit ? `${line.slice(0, limit)}…` : line
}
