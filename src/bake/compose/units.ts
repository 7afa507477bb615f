import { wrong } from './tree.ts'

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** `64m`, `1.5 gb`: bytes in the largest unit of 1024s that has four digits of them. */
export function bytesText(text: string, path: string): string | undefined {
  const found = /^(-?\d+(?:\.\d+)?) ?(?:([kmgtp])(?:i?b)?|b)?$/i.exec(text)
  if (!found) return wrong(path, 'a number of bytes, as in 64m')
  let size = Math.trunc(Number(found[1]) * 1024 ** ' kmgtp'.indexOf((found[2] ?? ' ').toLowerCase()))
  if (size <= 0) return undefined
  let unit = 0
  while (size >= 1024 && unit < UNITS.length - 1) {
    size /= 1024
    unit++
  }
  return `${Number(size.toPrecision(4))}${UNITS[unit]}`
}
