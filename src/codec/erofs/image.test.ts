import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { closeSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { CairnError } from '#base'
import { createErofsWriter, EROFS_TAR_OFFSET, fileSink, fileSource, openErofs, writeErofs } from '#codec'
import type { ErofsImage, ErofsSink, TarEntry } from '#codec'
import { layerContents, run, tarOf, tempDir, writeLayerFile } from '#testkit'
import type { Member, TempDir } from '#testkit'

let dir: TempDir
beforeAll(() => void (dir = tempDir()))
afterAll(() => dir[Symbol.dispose]())

const sha256 = (...parts: readonly Uint8Array[]): string => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return `sha256:${hash.digest('hex')}`
}

const xattrs = new Map([['user.note', Buffer.from('x'.repeat(700))]])
const mixed: readonly Member[] = [
  { path: './', type: 'directory', mode: 0o755 },
  { path: 'etc/passwd', data: 'root', xattrs },
  { path: 'etc/.wh.shadow' },
  { path: 'long', type: 'symlink', linkname: 't/'.repeat(900) },
  { path: 'big', data: 'b'.repeat(70_000) },
  { path: 'linked', type: 'hardlink', linkname: 'big' },
  ...Array.from({ length: 300 }, (_, i) => ({ path: `many/${(i * 7919) % 300}-${'n'.repeat(i % 60)}` })),
]

/** An open image of bytes in memory. */
function opened(bytes: Uint8Array): ErofsImage {
  return openErofs({
    size: bytes.length,
    read: (into, position) => {
      const part = bytes.subarray(position, position + into.length)
      into.set(part)
      return part.length
    },
  })
}

test('[head][tar, verbatim][metadata], and the digests of each part', () => {
  const path = join(dir.path, 'layout')
  const tar = tarOf(...mixed)
  const summary = writeLayerFile(path, tar)
  const file = readFileSync(path)
  const tarEnd = EROFS_TAR_OFFSET + tar.length
  expect(file.subarray(EROFS_TAR_OFFSET, tarEnd).equals(tar)).toBe(true)
  expect(summary).toMatchObject({
    diffId: sha256(tar),
    tarSize: tar.length,
    fileSize: file.length,
    metaDigest: sha256(file.subarray(0, EROFS_TAR_OFFSET), file.subarray(tarEnd)),
  })
  expect(file.length % 4096).toBe(0)
  expect(opened(file).inodes).toBe(summary.inodes)
})

test('the same tar gives the same file, in chunks of any size', () => {
  const tar = tarOf(...mixed)
  const whole = join(dir.path, 'whole')
  const summary = writeLayerFile(whole, tar)
  for (const chunk of [1, 511, 513, 4096, 65_537]) {
    const path = join(dir.path, `chunks-${chunk}`)
    expect(writeLayerFile(path, tar, { chunk })).toEqual(summary)
    expect(readFileSync(path).equals(readFileSync(whole))).toBe(true)
  }
})

test('the superblock is written last, and not at all unless the digest is right', () => {
  const positions: number[] = []
  const kept = new Map<number, Uint8Array>()
  const sink: ErofsSink = {
    write: (bytes, position) => {
      positions.push(position)
      kept.set(position, bytes.slice())
    },
    read: () => 0,
  }
  const tar = tarOf(...mixed)
  const writer = createErofsWriter(sink)
  writer.write(tar)
  writer.finish(sha256(tar) as `sha256:${string}`)
  expect(positions.indexOf(0)).toBe(positions.length - 1)
  positions.length = 0
  const wrong = createErofsWriter(sink)
  wrong.write(tar)
  expect(() => wrong.finish(`sha256:${'0'.repeat(64)}`)).toThrow(/was expected/)
  expect(positions).not.toContain(0)
})

test('bytes behind the archive belong to it; one cut off within its last padding is whole', () => {
  const path = join(dir.path, 'odd')
  const tar = Buffer.concat([tarOf({ path: 'f', data: 'x' }), Buffer.from('trailing rubbish')])
  expect(writeLayerFile(path, tar).diffId).toBe(sha256(tar) as `sha256:${string}`)
  expect(layerContents(path)).toMatchObject({ f: 'file x' })
  const short = tarOf({ path: 'f', data: 'short', mtime: 0n }).subarray(0, 512 + 5)
  expect(writeLayerFile(path, short).tarSize).toBe(517)
  expect(layerContents(path)).toMatchObject({ f: 'file short' })
  expect(
    readFileSync(path)
      .subarray(EROFS_TAR_OFFSET + 517, EROFS_TAR_OFFSET + 1024)
      .every((byte) => byte === 0),
  ).toBe(true)
})

test('a file with rubbish in its padding moves to where none follows it', () => {
  const path = join(dir.path, 'padding')
  const tar = tarOf({ path: 'clean', data: 'c', mtime: 0n }, { path: 'dirty', data: 'd'.repeat(700), mtime: 0n })
  tar.fill(0xaa, 1536 + 700, 1536 + 1024)
  writeLayerFile(path, tar)
  const file = readFileSync(path)
  const image = opened(file)
  expect(image.extent(image.lookup('clean')!).offset).toBe(EROFS_TAR_OFFSET + 512)
  const { offset, length } = image.extent(image.lookup('dirty')!)
  expect(offset).toBeGreaterThanOrEqual(EROFS_TAR_OFFSET + tar.length)
  expect(file.subarray(offset, offset + length).toString()).toBe('d'.repeat(700))
  expect(file.subarray(offset + length, offset + 1024).every((byte) => byte === 0)).toBe(true)
})

test('holes cost no disk, but have a limit', async () => {
  const sparse = join(dir.path, 'sparse')
  await run(['truncate', '-s', '1G', sparse])
  writeFileSync(sparse, 'end', { flag: 'a' })
  const tar = join(dir.path, 'sparse.tar')
  await run(['tar', '--sparse', '--format=pax', '-C', dir.path, '-cf', tar, 'sparse'])
  const path = join(dir.path, 'sparse-image')
  const { fileSize } = writeLayerFile(path, readFileSync(tar))
  expect(fileSize).toBeGreaterThan(2 ** 30)
  expect(statSync(path).blocks * 512).toBeLessThan(1 << 20)
  const limited = (): unknown => writeLayerFile(path, readFileSync(tar), { limits: { copiedBytes: 2 ** 30 } })
  expect(limited).toThrow(/sparse files of more than 1073741824 bytes/)
}, 30_000)

test('nothing lies beyond 2 TiB', async () => {
  const sparse = join(dir.path, 'enormous')
  await run(['truncate', '-s', '3T', sparse])
  const tar = join(dir.path, 'enormous.tar')
  await run(['tar', '--sparse', '--format=pax', '-C', dir.path, '-cf', tar, 'enormous'])
  const limits = { totalBytes: 2 ** 50, copiedBytes: 2 ** 50 }
  const written = (): unknown => writeLayerFile(join(dir.path, 'enormous-image'), readFileSync(tar), { limits })
  expect(written).toThrow('a layer file of more than 2 TiB')
})

test('100,000 names in one directory, whatever their order', () => {
  const path = join(dir.path, 'crowd')
  const names = Array.from({ length: 100_000 }, (_, i) => `file-${(i * 49_999) % 100_000}`)
  const { inodes } = writeLayerFile(path, tarOf(...names.map((name) => ({ path: `d/${name}` }))))
  expect(inodes).toBe(100_002)
  const fd = openSync(path, 'r')
  try {
    const image = openErofs(fileSource(fd))
    const listed = [...image.list(image.lookup('d')!)].map(({ name }) => name)
    expect(listed).toEqual(names.sort())
  } finally {
    closeSync(fd)
  }
}, 30_000)

test('names sort as bytes, dots among them', () => {
  const path = join(dir.path, 'sorted')
  const names = ['-', '.a', '..a', '.-', '+', 'a', 'B', 'é', '~', '\udcff', '€', '!']
  writeLayerFile(path, tarOf(...names.map((name) => ({ path: name }))))
  const order = ['!', '+', '-', '.-', '..a', '.a', 'B', 'a', '~', 'é', '€', '\udcff']
  expect(Object.keys(layerContents(path))).toEqual(['', ...order])
})

test('an image of entries at hand', () => {
  const path = join(dir.path, 'built')
  const common = { mode: 0o750, uid: 1, gid: 2, mtime: 5n, size: 0 }
  const entry = (rest: Pick<TarEntry, 'path' | 'type'> & Partial<TarEntry>): TarEntry => ({ ...common, ...rest })
  const fd = openSync(path, 'w+')
  try {
    const summary = writeErofs(fileSink(fd), [
      { entry: entry({ path: '.', type: 'directory' }) },
      { entry: entry({ path: 'a', type: 'directory' }) },
      { entry: entry({ path: 'a/f', type: 'file', size: 4 }), data: [Buffer.from('da'), Buffer.from('ta')] },
      { entry: entry({ path: '.wh.b', type: 'file' }) },
    ])
    expect(summary.quirks.impliedDirectories).toEqual([])
  } finally {
    closeSync(fd)
  }
  expect(layerContents(path)).toEqual({
    '': 'directory 750 trusted.overlay.origin=',
    a: 'directory 750',
    'a/f': 'file data',
    b: 'chardev 0:0',
  })
})

test('a damaged image is read as far as it holds together, and ends in an error that says so', () => {
  const path = join(dir.path, 'damaged')
  const { tarSize } = writeLayerFile(path, tarOf(...mixed))
  const good = readFileSync(path)
  const readAll = (bytes: Uint8Array): void => {
    const image = opened(bytes)
    for (const { node } of image.walk()) {
      image.xattrs(node)
      if (node.type === 'symlink') image.readlink(node)
      if (node.type === 'file') image.extent(node)
    }
  }
  readAll(good)
  const metadata = EROFS_TAR_OFFSET + tarSize
  const position = fc.oneof(fc.integer({ min: 1024, max: 1536 }), fc.integer({ min: metadata, max: good.length - 1 }))
  fc.assert(
    fc.property(
      fc.array(fc.tuple(position, fc.integer({ min: 0, max: 255 })), { maxLength: 8 }),
      fc.nat(good.length),
      (damage, cut) => {
        const bytes = Uint8Array.from(cut % 8 === 0 ? good.subarray(0, cut) : good)
        for (const [at, value] of damage) bytes[at] = value
        try {
          readAll(bytes)
        } catch (error) {
          if (!(error instanceof CairnError) || !['data_loss', 'unimplemented'].includes(error.code)) throw error
        }
      },
    ),
    { numRuns: 500, interruptAfterTimeLimit: 1500 },
  )
})

test('any bytes as a tar give a layer file or an error', () => {
  const seeds = fc.constantFrom(tarOf(...mixed.slice(0, 6)))
  const damage = fc.array(fc.tuple(fc.nat(4000), fc.integer({ min: 0, max: 255 })), { maxLength: 6 })
  const path = join(dir.path, 'fuzzed')
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 3000 }), seeds), damage, (tar, edits) => {
      const bytes = Uint8Array.from(tar)
      for (const [at, value] of edits) if (at < bytes.length) bytes[at] = value
      try {
        writeLayerFile(path, bytes)
      } catch (error) {
        if (!(error instanceof CairnError) || error.code === 'internal') throw error
        return
      }
      layerContents(path)
    }),
    { numRuns: 1000, interruptAfterTimeLimit: 1500 },
  )
})
