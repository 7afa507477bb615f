/**
 * The shortest equal path, by text alone: no empty, `.` or needless `..` parts, no slash at the end. `.` for nothing.
 * `..` at the root of an absolute path goes away; at the start of a relative one it stays.
 */
export function cleanPath(path: string): string {
  const rooted = path.startsWith('/')
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.length > 0 && parts.at(-1) !== '..') parts.pop()
    else if (!rooted) parts.push(part)
  }
  if (rooted) return `/${parts.join('/')}`
  return parts.join('/') || '.'
}

/** The path below a root, without a leading slash: `..` is clamped, `''` is the root itself. */
export function pathInRoot(path: string): string {
  return cleanPath(`/${path}`).slice(1)
}
