import { describe, expect, test } from 'bun:test'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cairnNode, lacking, must, needsRoot, setUp, skipReason, tempDir, type TempDir, type TestNode } from '#testkit'

// Hostile tars as images: refused, or made harmless; never a write outside, a crash or a hang.

const skip = skipReason('hostile tars', needsRoot(), lacking('crun', 'python3'))

let node: TestNode
let dir: TempDir

setUp(skip, async (use) => {
  dir = use(tempDir('cairn-tars-'))
  node = use(await cairnNode())
})

/** Each case is a Python body that fills the tarfile `t`; `add(name, data=b'', **fields)` helps. */
const cases: Readonly<Record<string, string>> = {
  'dot-dot paths': `add('../escaped', b'x'); add('a/../../escaped', b'x')`,
  'absolute paths': `add('/escaped', b'x'); add('//escaped', b'x')`,
  'a file through a symlink that leaves': `add('out', type=tarfile.SYMTYPE, linkname='TARGET'); add('out/escaped', b'x')`,
  'a file through a relative symlink that leaves': `add('out', type=tarfile.SYMTYPE, linkname='../../../../../../../../TARGET'); add('out/escaped', b'x')`,
  'a hard link to the outside': `add('link', type=tarfile.LNKTYPE, linkname='../../../../../../etc/passwd'); add('link2', type=tarfile.LNKTYPE, linkname='/etc/passwd')`,
  'a hard link to itself': `add('self', type=tarfile.LNKTYPE, linkname='self')`,
  'a symlink loop with a file behind it': `add('a', type=tarfile.SYMTYPE, linkname='b'); add('b', type=tarfile.SYMTYPE, linkname='a'); add('a/f', b'x')`,
  'the same path a thousand times': `[add('same', b'%d' % i) for i in range(1000)]`,
  'a file where a directory was, and back': `add('x', type=tarfile.DIRTYPE); add('x/y', b'1'); add('x', b'2'); add('x', type=tarfile.DIRTYPE); add('x/z', b'3')`,
  'a device flood': `[add('dev%d' % i, type=tarfile.CHRTYPE, devmajor=1, devminor=i % 256) for i in range(5000)]`,
  'a name of 5000 bytes': `add('n' * 5000, b'x')`,
  'a component of 300 bytes': `add('d/' + 'n' * 300, b'x')`,
  'five hundred levels': `add('/'.join(['d'] * 500) + '/f', b'x')`,
  'newlines and controls in names': `add('new\\nline', b'x'); add('\\x01\\x1b[31mred', b'x')`,
  'an empty name': `add('', b'x'); add('.', type=tarfile.DIRTYPE)`,
  'whiteouts of nothing and of dots': `add('.wh.', b''); add('.wh..', b''); add('.wh...', b''); add('.wh.none', b'')`,
  'a size that is a lie': `add('short', b'12345'); raw_tail(b'x' * 1000)`,
}

const prelude = `
import sys, tarfile, io
out = open(sys.argv[1], 'wb')
t = tarfile.open(fileobj=out, mode='w', format=tarfile.PAX_FORMAT)
tail = []
def add(name, data=b'', **fields):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in fields.items(): setattr(info, key, value)
    t.addfile(info, io.BytesIO(data))
def raw_tail(data): tail.append(data)
`
const ending = `
t.close()
for data in tail: out.write(data)
out.close()
`

describe.skipIf(skip)('a root file system with', () => {
  for (const [name, body] of Object.entries(cases)) {
    test(name, async () => {
      const outside = join(dir.path, 'outside')
      const tar = join(dir.path, 'hostile.tar')
      const script = join(dir.path, 'make.py')
      writeFileSync(script, prelude + body.replaceAll('TARGET', outside) + ending)
      await must(['mkdir', '-p', outside])
      await must(['python3', script, tar])
      const { code, stderr } = await node.cairn(['import', tar, 'hostile'], { timeoutMs: 30_000 })
      if (code === 0) {
        const ran = await node.cairn(['run', '--rm', '--network', 'none', 'hostile', '/none'])
        expect([125, 126, 127]).toContain(ran.code)
        const exported = await node.must(['create', '--network', 'none', 'hostile', '/none'])
        await must(['sh', '-c', `"$@" > /dev/null`, 'sh', ...node.argv(['export', exported.trim()])])
        await node.must(['rm', exported.trim()])
        await node.must(['rmi', 'hostile'])
      } else {
        expect(stderr).toStartWith('cairn: ')
        expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(2)
      }
      expect(readdirSync(outside)).toEqual([])
      expect(
        existsSync('/escaped') || existsSync(join(node.root, '../escaped')) || existsSync(join(node.root, 'escaped')),
      ).toBe(false)
      expect(node.leftovers()).toEqual([])
    })
  }

  test('bytes that are no tar at all', async () => {
    for (const bytes of [
      new Uint8Array(0),
      new Uint8Array(100),
      crypto.getRandomValues(new Uint8Array(4096)),
      new TextEncoder().encode('{}'.repeat(500)),
    ]) {
      const path = join(dir.path, 'noise')
      writeFileSync(path, bytes)
      const { code, stderr } = await node.cairn(['load', '-i', path])
      expect(code).not.toBe(0)
      expect(stderr).toStartWith('cairn: ')
    }
  })
})
