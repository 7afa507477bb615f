/** What a file from a URL is called where the destination does not say: the last part of the path. */
export function nameInUrl(url: string): string {
  const path = new URL(url).pathname.replace(/\/+$/, '')
  const last = path.slice(path.lastIndexOf('/') + 1)
  const name = decoded(last)
  return name === '' || name === '.' || name === '..' || /[/\0]/.test(name) ? UNNAMED : name
}

/** BuildKit's word for a file whose URL has no path. */
const UNNAMED = '__unnamed__'

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export function isHttpUrl(text: string): boolean {
  return /^https?:\/\//.test(text)
}
