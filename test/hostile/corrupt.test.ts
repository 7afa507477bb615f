import { describe, expect, test } from 'bun:test'
import {
  chmodSync,
  closeSync,
  cpSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join, relative } from 'node:path'
import { cairnNode, lacking, needsRoot, setUp, skipReason, tempDir, type TempDir, type TestNode } from '#testkit'

// Each blob and each layer file of an image is damaged in turn: it is always noticed and never run.

const skip = skipReason('damage', needsRoot(), lacking('crun'))

let node: TestNode
let dir: TempDir

setUp(skip, async (use) => {
  dir = use(tempDir())
  node = use(await cairnNode())
  const context = join(dir.path, 'context')
  mkdirSync(context)
  writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nRUN echo one > /one\nRUN echo two > /two\n')
  await node.must(['build', '--network', 'none', '-t', 'image', context])
})

function filesUnder(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

/** Flips one bit in the middle of a file; answers with what puts it back. */
function damage(path: string, at: number): () => void {
  const mode = statSync(path).mode
  chmodSync(path, 0o600)
  const flip = (): void => {
    const fd = openSync(path, 'r+')
    const byte = Buffer.alloc(1)
    readSync(fd, byte, 0, 1, at)
    byte[0]! ^= 0x01
    writeSync(fd, byte, 0, 1, at)
    closeSync(fd)
  }
  flip()
  return () => {
    flip()
    chmodSync(path, mode & 0o7777)
  }
}

describe.skipIf(skip)('one flipped bit', () => {
  test('in every blob and layer file, in turn, stops the run', async () => {
    // Both images of the store: damage to a blob of one must not be blamed on the other.
    const images = ['image', 'busybox']
    for (const path of [...filesUnder(join(node.root, 'content')), ...filesUnder(join(node.root, 'layers/sha256'))]) {
      const { size } = statSync(path)
      for (const at of new Set([0, size >> 1, size - 1])) {
        const mend = damage(path, at)
        const outcomes = await Promise.all(
          images.map((image) => node.cairn(['run', '--rm', '--network', 'none', image, 'true'])),
        )
        mend()
        const refused = outcomes.filter(({ code }) => code !== 0)
        expect(refused.length, `${relative(node.root, path)} at ${at} of ${size}`).toBeGreaterThan(0)
        for (const { code, stderr } of refused) {
          expect(code).toBe(125)
          expect(stderr).toMatch(/digest|damaged|corrupt|differ|match|malformed/)
          expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(2)
        }
      }
    }
    for (const image of images) await node.must(['run', '--rm', '--network', 'none', image, 'true'])
  }, 240_000)

  test('a file cut short, gone, or swapped for another, in turn: nothing runs, one line says so, and its cure works', async () => {
    await using own = await cairnNode()
    const saved = join(dir.path, 'busybox.tar')
    await own.must(['save', '-o', saved, 'busybox'])
    const context = join(dir.path, 'on-busybox')
    mkdirSync(context)
    writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nRUN true\n')
    const verbs = [
      ['run', '--rm', '--network', 'none', 'busybox', 'true'],
      ['build', '--no-cache', '--network', 'none', context],
      ['save', '-o', '/dev/null', 'busybox'],
    ]
    const all = () => [...filesUnder(join(own.root, 'content')), ...filesUnder(join(own.root, 'layers/sha256'))]
    const harms: Readonly<Record<string, (path: string) => void>> = {
      short: (path) => truncateSync(path, statSync(path).size >> 1),
      empty: (path) => truncateSync(path, 0),
      gone: (path) => rmSync(path),
      swapped: (path) =>
        cpSync(
          all().find((other) => other !== path)!,
          path,
        ),
    }
    for (const place of all())
      for (const [harm, work] of Object.entries(harms)) {
        chmodSync(place, 0o600)
        work(place)
        for (const verb of verbs) {
          const { code, stderr } = await own.cairn(verb)
          const about = `${relative(own.root, place)} ${harm}: ${verb[0]}: ${stderr}`
          expect(code, about).not.toBe(0)
          expect(stderr, about).toMatch(/^(?:.*\n)*?cairn: .*(?:is damaged|is missing|is not here)/)
          expect(stderr, about).toMatch(/hint: .*(?:load|pull|build)/)
        }
        // What is damaged can be seen, removed and loaded again.
        for (const verb of [['images'], ['system', 'df'], ['rmi', 'busybox'], ['load', '-i', saved], verbs[0]!])
          await own.must(verb)
      }
  }, 240_000)

  test('in every file of an archive, in turn, stops the load', async () => {
    const archive = join(dir.path, 'image.tar')
    await node.must(['save', '-o', archive, 'image'])
    const { size } = statSync(archive)
    const other = await cairnNode({ busybox: false })
    await using _ = other
    const damaged = join(dir.path, 'damaged.tar')
    // 24 places across the whole archive: headers, JSON, layers.
    for (let i = 1; i < 25; i++) {
      cpSync(archive, damaged)
      damage(damaged, Math.floor((size * i) / 25))
      const { code, stderr } = await other.cairn(['load', '-i', damaged])
      const loaded = (await other.must(['images', '-q'])).trim() !== ''
      // A bit in padding or in a name that nothing reads may pass; what was loaded then runs.
      if (code === 0 && loaded) await other.must(['run', '--rm', '--network', 'none', 'image', 'true'])
      else expect(stderr).toStartWith('cairn: ')
      if (loaded) await other.must(['rmi', '-f', ...(await other.must(['images', '-q'])).trim().split('\n')])
      await other.must(['system', 'prune', '-af'])
    }
  }, 240_000)
})
