import { expect, test } from 'bun:test'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { lacking, must, patterned, skipReason } from '#testkit'
import { openDirect } from './fd.ts'

const KIB = 1024
/** Offset and length of pieces that follow one another: whole blocks, and what begins or ends within one. */
const PIECES = [512, 100, 412, 1024, 3, 509, 600].map((kib) => kib * KIB)

/** A file of a megabyte of whole blocks and what follows, written in pieces; its bytes and how many are cached. */
async function written(directory: string, piece: (bytes: Uint8Array) => Uint8Array): Promise<[Buffer, number]> {
  const dir = mkdtempSync(join(directory, 'cairn-direct-'))
  const path = join(dir, 'file')
  const fd = openSync(path, 'wx+')
  const file = openDirect(fd, path)
  try {
    let position = 0
    for (const length of PIECES) {
      const bytes = piece(whole.subarray(position, position + length))
      await file.write(bytes, position)
      position += length
    }
    // Before the file is read, which would bring it into the cache.
    const cached = lacking('fincore') ? NaN : Number(await must(['fincore', '--bytes', '-n', '-o', 'RES', path]))
    return [readFileSync(path), cached]
  } finally {
    file.close()
    closeSync(fd)
    rmSync(dir, { recursive: true })
  }
}

const whole = patterned(PIECES.reduce((sum, length) => sum + length))
/** In memory of its own, which begins at a page. */
const aligned = (bytes: Uint8Array): Uint8Array => bytes.slice()
/** One byte off. */
const skewed = (bytes: Uint8Array): Uint8Array => {
  const memory = new Uint8Array(bytes.length + 1)
  memory.set(bytes, 1)
  return memory.subarray(1)
}

for (const directory of ['/var/tmp', '/dev/shm']) {
  test(`in ${directory}: pieces of any place and alignment are in the file`, async () => {
    for (const piece of [aligned, skewed]) {
      const [bytes] = await written(directory, piece)
      expect(Buffer.compare(bytes, whole)).toBe(0)
    }
  })
}

const inMemory = statfsSync('/var/tmp').type === 0x01021994 ? 'needs /var/tmp on a disk' : undefined
const skip = skipReason('what is written directly is not cached', lacking('fincore'), inMemory)

test.skipIf(skip)('whole blocks leave nothing in the page cache', async () => {
  const [, cached] = await written('/var/tmp', aligned)
  const [, all] = await written('/var/tmp', skewed)
  expect(all).toBeGreaterThanOrEqual(whole.length)
  expect(cached).toBeLessThan(whole.length / 4)
})
