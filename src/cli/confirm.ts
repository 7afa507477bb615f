import { readSync } from 'node:fs'
import { text } from '#base'
import { write } from './output.ts'

/** Asks before something goes; anything but `y` is no. */
export function confirm(warning: string): boolean {
  write(2, `${warning}Are you sure you want to continue? [y/N] `)
  const bytes = new Uint8Array(64)
  let answer = ''
  while (!answer.includes('\n') && answer.length < 64) {
    let count = 0
    try {
      count = readSync(0, bytes)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Bun.sleepSync(10)
      continue
    }
    if (count === 0) break
    answer += text(bytes.subarray(0, count))
  }
  return /^y(es)?$/i.test(answer.trim())
}
