import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { collect, isCode, streamOf, utf8 } from '#base'
import { decodeName, encodeHeader, readTar, writeTar } from '#codec'
import type { EntryType, TarEntry, TarInput, TarMember } from '#codec'

const NOW = 1_700_000_000n * 1_000_000_000n

function entry(path: string, over: Partial<TarEntry> = {}): TarEntry {
  return { type: 'file', path, mode: 0o644, uid: 0, gid: 0, mtime: NOW, size: 0, ...over }
}

async function archive(items: readonly TarInput[]): Promise<Uint8Array> {
  return await collect(writeTar(items), 1 << 28)
}

/** What reading must give back: the entry without its place in the archive. */
function bare(member: TarMember): TarEntry {
  const place = new Set(['dataOffset', 'storedSize'])
  return Object.fromEntries(Object.entries(member).filter(([key]) => !place.has(key))) as unknown as TarEntry
}

async function members(bytes: Uint8Array): Promise<{ entry: TarEntry; data: Uint8Array }[]> {
  const all = []
  for await (const item of readTar(streamOf(bytes)))
    all.push({ entry: bare(item.entry), data: await collect(item.data, 1 << 20) })
  return all
}

const nameBytes = fc.oneof(
  fc.string({ minLength: 1, maxLength: 20 }).map(utf8),
  fc.uint8Array({ min: 1, minLength: 1, maxLength: 40 }),
  fc.array(fc.constantFrom(...utf8('abc/')), { minLength: 80, maxLength: 400 }).map((a) => Uint8Array.from(a)),
)
const name = nameBytes
  .map((bytes) => decodeName(Buffer.from(bytes.filter((b) => b !== 0))).replace(/\/+$/, ''))
  .filter((text) => text !== '')
const xattrs = fc
  .uniqueArray(fc.tuple(name, fc.uint8Array({ maxLength: 30 })), { minLength: 1, maxLength: 3, selector: ([k]) => k })
  .map((list) => list.map(([k, v]): [string, Uint8Array] => [k.isWellFormed() ? k : k.replaceAll('=', '-'), v]))
  .map((list) => new Map(list.filter(([k]) => k !== '')))
  .filter((map) => map.size > 0)

const anyEntry: fc.Arbitrary<{ entry: TarEntry; content: Uint8Array }> = fc
  .record({
    type: fc.constantFrom<EntryType>('file', 'hardlink', 'symlink', 'chardev', 'blockdev', 'directory', 'fifo'),
    path: name,
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: fc.oneof(fc.nat(70000), fc.integer({ min: 0, max: 0xffffffff })),
    gid: fc.oneof(fc.nat(70000), fc.integer({ min: 0, max: 0xffffffff })),
    mtime: fc.oneof(
      fc.bigInt(0n, 1n << 40n).map((s) => s * 1_000_000_000n),
      fc.bigInt(-(1n << 62n), 1n << 62n),
    ),
    names: fc.option(fc.tuple(name, name)),
    content: fc.uint8Array({ maxLength: 1500 }),
    linkname: name,
    device: fc.tuple(fc.nat(4095), fc.nat(1048575)),
    xattrs: fc.option(xattrs),
  })
  .map(({ names, content, linkname, device, xattrs, ...rest }) => ({
    content: rest.type === 'file' ? content : new Uint8Array(0),
    entry: {
      ...rest,
      size: rest.type === 'file' ? content.length : 0,
      ...(names && { uname: names[0], gname: names[1] }),
      ...(rest.type.endsWith('link') && { linkname }),
      ...(rest.type.endsWith('dev') && { devmajor: device[0], devminor: device[1] }),
      ...(xattrs && { xattrs }),
    },
  }))

test('what is written is read back: every type, name, number and attribute', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyEntry, { maxLength: 4 }), async (items) => {
      const bytes = await archive(items.map(({ entry, content }) => ({ entry, data: streamOf(content) })))
      expect(bytes.length % 512).toBe(0)
      expect(await members(bytes)).toEqual(items.map(({ entry, content }) => ({ entry, data: content })))
    }),
    { numRuns: 150 },
  )
})

test('plain entries are plain ustar; PAX comes in only when something does not fit', () => {
  expect(encodeHeader(entry('a')).length).toBe(512)
  expect(encodeHeader(entry(`${'d'.repeat(90)}/${'n'.repeat(100)}`)).length).toBe(512)
  expect(encodeHeader(entry('d'.repeat(99), { type: 'directory' })).length).toBe(512)
  expect(encodeHeader(entry('x', { uid: 0o7777777, size: 0o77777777777 })).length).toBe(512)
  expect(encodeHeader(entry('n'.repeat(101))).length).toBe(1536)
  expect(encodeHeader(entry('é')).length).toBe(1536)
  expect(encodeHeader(entry('x', { mtime: NOW + 1n })).length).toBe(1536)
  expect(encodeHeader(entry('x', { uid: 0o10000000 })).length).toBe(1536)
  expect(encodeHeader(entry('x', { size: 8 * 2 ** 30 })).length).toBe(1536)
})

test('records are sorted and exact', () => {
  const attributes = new Map([
    ['user.b', utf8('2')],
    ['user.a', utf8('1')],
  ])
  const header = encodeHeader(entry('é', { mtime: -1_500_000_000n, uid: 1 << 30, xattrs: attributes }))
  const records = Buffer.from(header.subarray(512, 1024)).toString().replace(/\0+$/, '')
  expect(records).toBe(
    '25 SCHILY.xattr.user.a=1\n25 SCHILY.xattr.user.b=2\n14 mtime=-1.5\n11 path=é\n18 uid=1073741824\n',
  )
})

test('a record whose length grows by counting itself', async () => {
  for (let length = 80; length < 110; length++) {
    const written = entry('é' + 'x'.repeat(length))
    expect((await members(await archive([{ entry: written }])))[0]!.entry).toEqual(written)
  }
})

test('data must be as long as announced', async () => {
  const wrong = (size: number) => archive([{ entry: entry('f', { size }), data: streamOf(utf8('four')) }])
  expect(await wrong(3).catch((e: unknown) => isCode(e, 'data_loss'))).toBe(true)
  expect(await wrong(5).catch((e: unknown) => isCode(e, 'data_loss'))).toBe(true)
})

test('what no tar can hold is refused', () => {
  const bad = [
    entry(''),
    entry('a\0b'),
    entry('s', { type: 'symlink' }),
    entry('m', { mode: 0o10000 }),
    entry('u', { uid: -1 }),
    entry('u', { gid: 2 ** 32 }),
    entry('u', { size: 1.5 }),
    entry('d', { type: 'chardev', devmajor: 2 ** 21, devminor: 0 }),
    entry('x', { xattrs: new Map([['', utf8('')]]) }),
    entry('x', { xattrs: new Map([['a\0', utf8('')]]) }),
  ]
  for (const one of bad) expect(() => encodeHeader(one)).toThrow(expect.objectContaining({ code: 'invalid_argument' }))
})

test('many small files and large ones, chunk by chunk the same bytes', async () => {
  const big = new Uint8Array(700_000).map((_, i) => i * 7)
  const items = Array.from({ length: 900 }, (_, i) => ({
    entry: entry(`f${i}`, { size: i % 300 === 7 ? big.length : 600 }),
    data: streamOf(...(i % 300 === 7 ? [big.subarray(0, 40_000), big.subarray(40_000)] : [big.subarray(i, i + 600)])),
  }))
  const read = await members(await archive(items))
  expect(read.length).toBe(900)
  for (const [i, { data }] of read.entries())
    expect(Buffer.compare(data, i % 300 === 7 ? big : big.subarray(i, i + 600))).toBe(0)
})

const samples = (): TarInput[] => [
  { entry: entry('.', { type: 'directory', mode: 0o755 }) },
  { entry: entry('plain', { size: 5, uname: 'root', gname: 'root' }), data: streamOf(utf8('hello')) },
  { entry: entry('hard', { type: 'hardlink', linkname: 'plain' }) },
  { entry: entry('soft', { type: 'symlink', linkname: `${'long/'.repeat(60)}target`, mode: 0o777 }) },
  { entry: entry(`${'deep/'.repeat(70)}é`, { size: 1, mtime: NOW + 123n }), data: streamOf(utf8('x')) },
  { entry: entry('null', { type: 'chardev', devmajor: 1, devminor: 3 }) },
  { entry: entry('disk', { type: 'blockdev', devmajor: 259, devminor: 1048575 }) },
  { entry: entry('pipe', { type: 'fifo' }) },
  { entry: entry('owned', { uid: 3_000_000_000, gid: 2_097_152, xattrs: new Map([['user.k', utf8('v=\n')]]) }) },
]

const DIGEST = `
import sys, tarfile
for m in tarfile.open(sys.argv[1]):
    print(m.name, m.type.decode(), m.uid, m.gid, m.size, m.linkname, m.devmajor, m.devminor, m.pax_headers.get('SCHILY.xattr.user.k', '').encode().hex())
`
const GO = `package main
import ("archive/tar"; "fmt"; "os"; "io"; "strings")
func main() {
  f, _ := os.Open(os.Args[1]); r := tar.NewReader(f)
  for { h, err := r.Next(); if err == io.EOF { return }; if err != nil { panic(err) }
    fmt.Printf("%s %c %d %d %d %s %d %d %x\\n", strings.TrimRight(h.Name, "/"), h.Typeflag, h.Uid, h.Gid, h.Size, h.Linkname, h.Devmajor, h.Devminor, h.PAXRecords["SCHILY.xattr.user.k"]) } }
`

function expectedListing(): string {
  const flags = { file: 0, hardlink: 1, symlink: 2, chardev: 3, blockdev: 4, directory: 5, fifo: 6 }
  return samples()
    .map(({ entry: e }) => {
      const attribute = Buffer.from(e.xattrs?.get('user.k') ?? '').toString('hex')
      return `${e.path} ${flags[e.type]} ${e.uid} ${e.gid} ${e.size} ${e.linkname ?? ''} ${e.devmajor ?? 0} ${e.devminor ?? 0} ${attribute}\n`
    })
    .join('')
}

async function withArchive(run: (file: string, directory: string) => void): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'cairn-tar-'))
  try {
    const file = join(directory, 'a.tar')
    writeFileSync(file, await archive(samples()))
    run(file, directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function run(...command: string[]): string {
  // bsdtar shows no name that the locale cannot write, and a fresh machine has none set.
  const { stdout, stderr, exitCode } = Bun.spawnSync(command, { env: { ...process.env, LC_ALL: 'C.UTF-8' } })
  if (exitCode !== 0) throw new Error(`${command[0]}: ${stderr.toString()}`)
  expect(stderr.toString()).toBe('')
  return stdout.toString()
}

test.skipIf(!Bun.which('python3'))('python tarfile reads what we write (needs python3)', async () => {
  await withArchive((file) => expect(run('python3', '-c', DIGEST, file)).toBe(expectedListing()))
})

test.skipIf(!Bun.which('go'))(
  'Go archive/tar reads what we write (needs go)',
  async () => {
    await withArchive((file, directory) => {
      writeFileSync(join(directory, 'main.go'), GO)
      expect(run('go', 'run', join(directory, 'main.go'), file)).toBe(expectedListing())
    })
  },
  60_000,
)

test.skipIf(!Bun.which('bsdtar'))('bsdtar reads what we write (needs bsdtar)', async () => {
  await withArchive((file) => {
    const names = run('bsdtar', '-tf', file).split('\n').filter(Boolean)
    expect(names).toHaveLength(samples().length)
  })
})

test.skipIf(process.getuid?.() !== 0 || !Bun.which('getfattr'))(
  'GNU tar extracts what we write (needs root, attr)',
  async () => {
    await withArchive((file, directory) => {
      run('mkdir', join(directory, 'x'))
      run('tar', '--xattrs', '--xattrs-include=*', '-xpf', file, '-C', join(directory, 'x'))
      const list = run('find', join(directory, 'x'), '-printf', '%P|%y|%U|%G|%s|%l|%n|%T@\n').split('\n')
      expect(list).toContain('plain|f|0|0|5||2|1700000000.0000000000')
      expect(list).toContain('null|c|0|0|0||1|1700000000.0000000000')
      expect(list).toContain('owned|f|3000000000|2097152|0||1|1700000000.0000000000')
      expect(list).toContain(`${'deep/'.repeat(70)}é|f|0|0|1||1|1700000000.0000001230`)
      expect(list.find((line) => line.startsWith('soft|'))).toContain(`${'long/'.repeat(60)}target`)
      expect(run('getfattr', '--only-values', '--absolute-names', '-n', 'user.k', join(directory, 'x/owned'))).toBe(
        'v=\n',
      )
    })
  },
)
