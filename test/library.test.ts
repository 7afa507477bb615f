import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { busyboxRootfs, lacking, must, needsRoot, skipReason, tempDir } from '#testkit'

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

const program = `
import { image } from 'cairn/build'
import { openNode } from 'cairn/engine'

await using node = openNode({ root: process.argv[1] + '/root', run: process.argv[1] + '/run' })
await node.images.import(Bun.file(process.argv[2]).stream(), { name: 'busybox' })
const app = image('busybox').run('echo made > /made').cmd(['cat', '/made'])
const request = { context: process.argv[1], dockerfileBytes: new TextEncoder().encode(app.dockerfile()), tags: ['app'] }
console.log((await node.images.build(request)).names.join(), (await node.images.list()).length)
`

test.skipIf(skipReason('the engine as a library', needsRoot()))('a program builds an image', async () => {
  const dir = (await must(['mktemp', '-d', '-p', '/var/tmp'])).trim()
  try {
    const argv = [process.execPath, '--eval', program, dir, await busyboxRootfs()]
    const said = await must(argv, { cwd: join(import.meta.dir, '..') })
    expect(said.trim()).toBe('app:latest 2')
  } finally {
    await must(['rm', '-rf', dir])
  }
})

const containers = `
import { readdirSync, readFileSync } from 'node:fs'
import { openNode } from 'cairn/engine'

const [, place, tar] = process.argv
await using node = openNode({ root: place + '/root', run: place + '/run' })
await node.images.import(Bun.file(tar).stream(), { name: 'busybox' })
const run = async (word) => {
  const options = { image: 'busybox', command: ['sh', '-c', 'ls /w; echo > /w; exit ' + word], autoRemove: true, network: 'none' }
  const { id } = await node.containers.create(options)
  return (await node.containers.start(id, { io: { stdout: 1, stderr: 1 } })).code
}
const codes = await Promise.all([run('3'), run('4')])
await new Promise(setImmediate)
const overlays = readFileSync('/proc/thread-self/mountinfo', 'utf8').split('\\n').filter((line) => line.includes(' - overlay '))
console.log(codes.join(), overlays.filter((line) => line.includes(place)).length, readdirSync(place + '/run/roots').join(''))
`

test.skipIf(skipReason('the engine as a library', needsRoot(), lacking('crun')))(
  'a program runs two containers at once, and keeps nothing of either mounted',
  async () => {
    const dir = (await must(['mktemp', '-d', '-p', '/var/tmp'])).trim()
    try {
      const argv = [process.execPath, '--eval', containers, dir, await busyboxRootfs()]
      const said = await must(argv, { cwd: join(import.meta.dir, '..') })
      const missing = 'ls: /w: No such file or directory\n'
      expect(said).toBe(`${missing}${missing}3,4 0 01\n`)
    } finally {
      await must(['rm', '-rf', dir])
    }
  },
)
