import { isTerminal } from '#engine'

// Not node:tty: loading that takes 1.5 ms, a quarter of the time that `cairn version` has.
export { isTerminal }

/** Colours only where a person looks, and never against NO_COLOR (no-color.org). */
export function colours(fd: 1 | 2): boolean {
  if (process.env['NO_COLOR'] || process.env['TERM'] === 'dumb') return false
  return isTerminal(fd)
}
