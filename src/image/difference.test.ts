import { expect, test } from 'bun:test'
import type { TarInput } from '#codec'
import { openLayout } from '#content'
import { imageDifferences, openImage, type ImageDifference, type OpenedImage } from '#image'
import { entryOf, fileEntry, sampleImage, tempDir, type SampleOptions } from '#testkit'

async function differences(first: SampleOptions, second: SampleOptions): Promise<ImageDifference[]> {
  using dir = tempDir()
  const layout = openLayout(dir.path, { create: true })
  const open = async (options: SampleOptions): Promise<OpenedImage> =>
    openImage(layout, await sampleImage(layout, options))
  return await Array.fromAsync(imageDifferences(await open(first), await open(second)))
}

const layers = (...top: readonly TarInput[]): SampleOptions => ({ layers: [[fileEntry('base', 'x')], top] })
const fields = (found: readonly ImageDifference[]): string[] => found.map(({ path, field }) => `${path} ${field}`)

test('the same image in nothing, whatever its compression', async () => {
  expect(await differences({}, {})).toEqual([])
  expect(fields(await differences({ compression: 'gzip' }, { compression: 'zstd' }))).toEqual([])
})

test('in the content of a file', async () => {
  const found = await differences(layers(fileEntry('etc/id', 'one')), layers(fileEntry('./etc/id', 'two')))
  expect(found).toMatchObject([{ layer: 2, path: '/etc/id', field: 'content' }])
})

test('in everything else that a member has', async () => {
  const one = layers(
    fileEntry('a', 'x', { mode: 0o644 }),
    fileEntry('b', 'x', { mtime: 1_000_000_000n }),
    fileEntry('c', 'x', { uid: 1 }),
    entryOf('symlink', 'd', { linkname: 'a' }),
    fileEntry('e', 'x', { xattrs: new Map([['user.k', Uint8Array.of(1)]]) }),
    entryOf('directory', 'f'),
    fileEntry('g', 'x'),
  )
  const other = layers(
    fileEntry('a', 'x', { mode: 0o600 }),
    fileEntry('b', 'x', { mtime: 2_000_000_000n }),
    fileEntry('c', 'x', { gid: 1 }),
    entryOf('symlink', 'd', { linkname: 'b' }),
    fileEntry('e', 'x'),
    fileEntry('f', 'x'),
  )
  expect(fields(await differences(one, other))).toEqual([
    '/a mode',
    '/b time',
    '/c owner',
    '/d target',
    '/e xattr user.k',
    '/f type',
    '/f mode',
    '/f size',
    '/f content',
    '/g presence',
  ])
})

test('in nothing but the order of the members', async () => {
  const [a, b] = [fileEntry('a', 'x'), fileEntry('b', 'x')]
  const again = [fileEntry('b', 'x'), fileEntry('a', 'x')]
  expect(fields(await differences(layers(a, b), layers(...again)))).toEqual(['/a order'])
})

test('in the config', async () => {
  const found = await differences({ label: 'one' }, { label: 'two' })
  expect(found).toHaveLength(1)
  expect(found[0]).toMatchObject({ field: 'config', first: '"one"', second: '"two"' })
})
