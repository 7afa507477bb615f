import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { lacking, must, skipReason, tempDir } from '#testkit'

// The portable rooms are a library for Node as well: imported there by their public names, from
// what `tsc -b` wrote, and put to work.

const skip = skipReason('the library on Node', lacking('node'))

const script = `
import { collect, streamOf, utf8 } from 'cairn/base'
import { familiarName, parseReference, MediaType } from 'cairn/oci'
import { createHasher, readTar, writeTar } from 'cairn/codec'
import { openLayout } from 'cairn/content'
import { openImage } from 'cairn/image'

console.log(familiarName(parseReference('docker.io/library/debian:12')))

const file = { type: 'file', path: 'hello', mode: 0o644, uid: 0, gid: 0, mtime: 0n, size: 5 }
const tar = await collect(writeTar([{ entry: file, data: streamOf(utf8('world')) }]), 1 << 20)
for await (const { entry, data } of readTar(streamOf(tar))) console.log(entry.path, new TextDecoder().decode(await collect(data, 100)))

const hasher = createHasher('sha256')
hasher.update(tar)
const layer = { mediaType: MediaType.ociLayer, digest: hasher.digest(), size: tar.length }
console.log(layer.digest)

const from = await openLayout(process.argv[1], { create: true })
await from.put(layer, streamOf(tar))
console.log(await from.has(layer), typeof openImage)
`

test.skipIf(skip)('Node reads and writes what the library says', async () => {
  using dir = tempDir()
  const root = join(import.meta.dir, '..')
  // Inside the package, so that it finds itself by name.
  const said = await must(['node', '--input-type=module', '--eval', script, join(dir.path, 'layout')], { cwd: root })
  const lines = said.trim().split('\n')
  expect(lines.slice(0, 2)).toEqual(['debian:12', 'hello world'])
  expect(lines[2]).toMatch(/^sha256:[0-9a-f]{64}$/)
  expect(lines[3]).toBe('true function')
})
