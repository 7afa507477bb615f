import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { CairnError, collect, concat, isCode, streamOf, utf8 } from '#base'
import { createTarParser, encodeHeader, readTar, writeTar } from '#codec'
import type { TarEntry, TarInput, TarLimits, TarMember } from '#codec'

const END = new Uint8Array(1024)

function entry(path: string, over: Partial<TarEntry> = {}): TarEntry {
  return { type: 'file', path, mode: 0o644, uid: 1, gid: 2, mtime: 5_000_000_000n, size: 0, ...over }
}

/** A header with fields overwritten (offset and bytes) and its checksum made right again. */
function header(over: Partial<TarEntry> = {}, ...patches: [number, string | Uint8Array][]): Uint8Array {
  const block = encodeHeader(entry('name', over))
  for (const [at, bytes] of patches) block.set(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes, at)
  return summed(block)
}

function summed(block: Uint8Array): Uint8Array {
  block.fill(0x20, 148, 156)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.set(utf8(`${sum.toString(8).padStart(6, '0')}\0 `), 148)
  return block
}

function padded(bytes: Uint8Array | string): Uint8Array {
  const raw = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes
  return concat([raw, new Uint8Array((512 - (raw.length % 512)) % 512)])
}

/** A PAX (x, g) or GNU (L, K) header before another. */
function meta(type: string, payload: Uint8Array | string): Uint8Array {
  return concat([header({ size: payload.length }, [156, type]), padded(payload)])
}

function pax(...records: string[]): string {
  return records
    .map((record) => {
      const rest = Buffer.byteLength(record, 'latin1') + 2
      const length = rest + String(rest + String(rest).length).length
      return `${length} ${record}\n`
    })
    .join('')
}

interface Seen {
  member: TarMember
  data: Uint8Array
  clean: boolean | undefined
}

function parse(bytes: Uint8Array, step = bytes.length || 1, limits?: TarLimits): Seen[] {
  const seen: (Seen & { parts: Uint8Array[] })[] = []
  const parser = createTarParser(
    {
      onEntry: (member) => void seen.push({ member, data: utf8(''), clean: undefined, parts: [] }),
      onData: (_, part) => void seen.at(-1)!.parts.push(part.slice()),
      onEnd: (_, clean) => (seen.at(-1)!.clean = clean),
    },
    limits,
  )
  for (let at = 0; at < bytes.length; at += step) parser.write(bytes.subarray(at, at + step))
  parser.end()
  return seen.map(({ parts, ...one }) => ({ ...one, data: concat(parts) }))
}

function one(...parts: Uint8Array[]): TarMember {
  const seen = parse(concat([...parts, END]))
  expect(seen).toHaveLength(1)
  return seen[0]!.member
}

function failure(bytes: Uint8Array, limits?: TarLimits): string {
  const codes = [bytes.length || 1, 512, 77].map((step) => {
    try {
      parse(bytes, step, limits)
      return 'none'
    } catch (error) {
      return error instanceof CairnError ? error.code : `not ours: ${String(error)}`
    }
  })
  expect(new Set(codes).size).toBe(1)
  return codes[0]!
}

test('members with their places, data and padding, whatever the chunks', () => {
  const file = concat([header({ size: 600 }), padded(new Uint8Array(600).fill(7))])
  const dirty = concat([header({ path: 'dirty', size: 1 } as Partial<TarEntry>), padded('x')])
  dirty[dirty.length - 1] = 1
  const bytes = concat([file, header({ type: 'fifo' }), dirty, END, utf8('trailing garbage')])
  const whole = parse(bytes)
  expect(whole.map(({ member, data, clean }) => [member.type, member.dataOffset, data.length, clean])).toEqual([
    ['file', 512, 600, true],
    ['fifo', 2048, 0, true],
    ['file', 2560, 1, false],
  ])
  for (let step = 1; step < 1100; step += 13) expect(parse(bytes, step)).toEqual(whole)
})

test('type flags', () => {
  const typeOf = (flag: string, name = 'name') => one(header({}, [156, flag], [0, name])).type
  expect(['\0', '0', '7', '5', '6'].map((flag) => typeOf(flag))).toEqual(['file', 'file', 'file', 'directory', 'fifo'])
  expect(typeOf('\0', 'name/')).toBe('directory')
  expect(one(header({}, [0, 'name//'], [156, '5'])).path).toBe('name')
  for (const flag of ['M', 'N', 'A', 'Z', '\xff'])
    expect(failure(concat([header({}, [156, flag])]))).toBe('unimplemented')
})

test('only files have data: what other types claim is not there', () => {
  for (const flag of ['1', '2', '3', '4', '5', '6'])
    expect(one(header({}, [156, flag], [157, 'target'], [124, '00000001000'])).size).toBe(0)
  const dump = concat([header({ type: 'directory' }, [156, 'D'], [124, '00000000003']), padded('abc')])
  expect(one(dump)).toMatchObject({ type: 'directory', size: 0 })
  const label = concat([header({}, [156, 'V'], [124, '00000000003']), padded('abc')])
  expect(one(label, header()).path).toBe('name')
})

test('numbers: octal with spaces, base 256, twelve digits', () => {
  expect(one(header({}, [108, '    12 \0'])).uid).toBe(10)
  expect(one(header({}, [108, '\0\0\0\0\0\0\0\0'])).uid).toBe(0)
  expect(one(header({}, [108, '12\0junk!'])).uid).toBe(10)
  expect(one(header({}, [108, Uint8Array.of(0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff)])).uid).toBe(0xffffffff)
  expect(one(header({}, [136, '777777777777'])).mtime).toBe(0o777777777777n * 1_000_000_000n)
  expect(one(header({}, [136, Uint8Array.of(...Array.from({ length: 12 }, () => 0xff))])).mtime).toBe(-1_000_000_000n)
  const bad: [number, string | Uint8Array][] = [
    [108, '8\0\0\0\0\0\0\0'],
    [100, '-1\0\0\0\0\0\0'],
    [108, Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)],
    [108, Uint8Array.of(0x80, 0, 0, 1, 0, 0, 0, 0)],
    [124, Uint8Array.of(0x80, 0, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 0)],
    [136, Uint8Array.of(0x80, 0xff, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 0)],
  ]
  for (const patch of bad) expect(failure(concat([header({}, patch), END]))).toBe('invalid_argument')
})

test('checksums of unsigned and of signed bytes', () => {
  const block = header({}, [265, 'b\xf6b'])
  expect(one(block).uname).toBe('b\udcf6b')
  const stored = Number.parseInt(Buffer.from(block.subarray(148, 154)).toString(), 8)
  block.set(utf8((stored - 256).toString(8).padStart(6, '0')), 148)
  expect(one(block).uname).toBe('b\udcf6b')
  block.set(utf8((stored - 1).toString(8).padStart(6, '0')), 148)
  expect(failure(concat([block, END]))).toBe('invalid_argument')
})

test('prefixes: ustar, star, none in GNU, the one old Go wrote there', () => {
  expect(one(header({}, [345, 'a/b'])).path).toBe('a/b/name')
  expect(one(header({}, [345, `${'p'.repeat(131)}00000000000 00000000000 `], [508, 'tar\0'])).path).toBe(
    `${'p'.repeat(131)}/name`,
  )
  const gnu: [number, string] = [257, 'ustar  \0']
  expect(one(header({}, gnu, [345, '15000000000\x0015000000000\0'])).path).toBe('name')
  expect(one(header({}, gnu, [345, 'usr/share/doc'])).path).toBe('usr/share/doc/name')
  expect(one(header({}, [257, '\0\0\0\0\0\0\0\0'], [345, 'a/b'])).path).toBe('name')
})

test('PAX records override, globals stay, an empty value says nothing', () => {
  const records = pax(
    'path=p\xc3\xa9',
    'uid=3000000000',
    'mtime=-1.000000001999',
    'SCHILY.xattr.user.e=',
    'size=3',
    'comment=x',
  )
  const member = one(meta('x', records), header(), padded('abc'))
  expect(member).toMatchObject({ path: 'pé', uid: 3_000_000_000, mtime: -1_000_000_001n, size: 3 })
  expect([...member.xattrs!]).toEqual([['user.e', new Uint8Array(0)]])
  const all = parse(
    concat([
      meta('g', pax('uid=7', 'gname=all', 'SCHILY.xattr.user.g=g')),
      meta('x', pax('uid=', 'gid=9', 'SCHILY.xattr.user.x=x=y\n')),
      header(),
      meta('g', pax('uid=8')),
      header(),
      END,
    ]),
  )
  expect(all.map(({ member: m }) => [m.uid, m.gid, m.gname, m.xattrs && [...m.xattrs.keys()]])).toEqual([
    [7, 9, 'all', ['user.x']],
    [8, 2, 'all', undefined],
  ])
})

test('libarchive attributes, its plain form first', () => {
  const member = one(
    meta('x', pax('LIBARCHIVE.xattr.user.a%3Db=AQID', 'LIBARCHIVE.xattr.user.p=AQID', 'SCHILY.xattr.user.p=plain')),
    header(),
  )
  expect([...member.xattrs!]).toEqual([
    ['user.a=b', Uint8Array.of(1, 2, 3)],
    ['user.p', utf8('plain')],
  ])
})

test('GNU long names win over PAX, as in Go', () => {
  const member = one(
    meta('L', 'long/name\0rest'),
    meta('K', 'long/target\0'),
    meta('x', pax('path=p')),
    header({ type: 'symlink', linkname: 'l' }),
  )
  expect(member).toMatchObject({ path: 'long/name', linkname: 'long/target' })
})

test('malformed PAX is refused', () => {
  const bad = [
    '3 a\n',
    '5 a=',
    '6 a=\nx',
    '99 a=b\n',
    'x a=b\n',
    '00000000006 a=b\n',
    '6 =ab\n',
    '6 abc\n',
    pax('path=a\0b'),
    pax('a\0=b'),
    pax('size=-1'),
    pax('size=99999999999999999'),
    pax('uid=4294967296'),
    pax('mtime=now'),
    pax('mtime=99999999999999999999'),
    pax('LIBARCHIVE.xattr.%zz=AA=='),
    pax('LIBARCHIVE.xattr.a=***'),
    pax('GNU.sparse.size=10', 'GNU.sparse.map=0,1,x'),
  ]
  for (const records of bad)
    expect(`${records}: ${failure(concat([meta('x', records), header(), END]))}`).toBe(`${records}: invalid_argument`)
})

test('sparse maps that lie are refused', () => {
  const size = 'GNU.sparse.size=10'
  const maps = [
    '0,1,0,2',
    '5,1,3,2',
    '8,3',
    '0,1,2',
    '0,2',
    '0,1,3,1',
    '0,9007199254740991,1,9007199254740991',
    '9007199254740991,1',
  ]
  for (const map of maps)
    expect(
      `${map}: ${failure(concat([meta('x', pax(size, `GNU.sparse.map=${map}`)), header({ size: 3 }), padded('abc'), END]))}`,
    ).toBe(`${map}: invalid_argument`)
  const one0 = (map: string, stored: number) =>
    concat([
      meta('x', pax('GNU.sparse.major=1', 'GNU.sparse.minor=0', 'GNU.sparse.realsize=10')),
      header({ size: stored }),
      padded(map),
      END,
    ])
  for (const map of ['x\n', '1\n', '2\n0\n1\n', '99999999999999999\n', 'no newline'.repeat(200)])
    expect(failure(one0(map, padded(map).length))).toBe('invalid_argument')
  expect(failure(one0('1\n0\n3\n', 100))).toBe('invalid_argument')
  expect(failure(concat([meta('x', pax('GNU.sparse.major=2', size)), header(), END]))).toBe('unimplemented')
  expect(failure(concat([meta('x', pax('GNU.sparse.map=0,3')), header({ size: 3 }), padded('abc'), END]))).toBe(
    'invalid_argument',
  )
  expect(failure(concat([header({}, [156, 'S']), END]))).toBe('invalid_argument')
})

test('names that cannot be', () => {
  expect(failure(concat([header({}, [0, new Uint8Array(100)]), END]))).toBe('invalid_argument')
  expect(failure(concat([header({}, [156, '2']), END]))).toBe('invalid_argument')
})

test('the end: two zero blocks, one at the end of the file, or none; not one before more', () => {
  const file = concat([header({ size: 3 }), padded('abc')])
  for (const tail of [0, 512, 1024, 10240, 700])
    expect(failure(concat([file, new Uint8Array(tail)]))).toBe(tail === 700 ? 'data_loss' : 'none')
  expect(failure(concat([file, new Uint8Array(512), file]))).toBe('invalid_argument')
  expect(failure(concat([file, END, file]))).toBe('none')
  expect(failure(new Uint8Array(0))).toBe('none')
  expect(failure(file.subarray(0, 515))).toBe('none')
})

test('a truncated archive is data_loss', () => {
  const bytes = concat([meta('x', pax('path=x')), header({ size: 600 }), padded(new Uint8Array(600))])
  for (let length = 1; length < bytes.length - 424; length += 37)
    expect(`${length}: ${failure(bytes.subarray(0, length))}`).toBe(`${length}: data_loss`)
  expect(failure(bytes.subarray(0, 1024))).toBe('data_loss')
  expect(() => parse(bytes.subarray(0, 1600))).toThrow('tar: archive is truncated in "x" at byte 1024')
})

test('what an archive may cost is bounded', () => {
  const huge = header({ size: 2 ** 31 }, [156, 'x'])
  expect(failure(huge)).toBe('resource_exhausted')
  expect(failure(concat([meta('L', 'x'.repeat(2000)), header(), END]), { headerBytes: 1000 })).toBe(
    'resource_exhausted',
  )
  const globals = Array.from({ length: 30 }, (_, i) => meta('g', pax(`SCHILY.xattr.user.${i}=${'x'.repeat(50)}`)))
  expect(failure(concat([...globals, header(), END]), { headerBytes: 1000 })).toBe('resource_exhausted')
  expect(failure(concat([header(), header(), header(), END]), { entries: 2 })).toBe('resource_exhausted')
  expect(failure(concat([header(), END]), { totalBytes: 1535 })).toBe('resource_exhausted')
  const hole = concat([meta('x', pax('GNU.sparse.size=9000000000000', 'GNU.sparse.map=')), header(), END])
  expect(failure(hole)).toBe('resource_exhausted')
  const slots = header({}, [257, 'ustar  \0'], [156, 'S'], [482, '\x01'], [483, '00000000000\0'])
  const chain = Array.from({ length: 10 }, () => Uint8Array.from({ length: 512 }, (_, i) => (i === 504 ? 1 : 0)))
  expect(failure(concat([slots, ...chain]), { headerBytes: 2048 })).toBe('resource_exhausted')
})

test('readTar: unread data are skipped, early leavers release the source, stale data say so', async () => {
  const items = ['a', 'b', 'c'].map((path): TarInput => ({
    entry: entry(path, { size: 3000 }),
    data: streamOf(new Uint8Array(3000)),
  }))
  const bytes = await collect(writeTar(items), 1 << 20)
  const paths: string[] = []
  let stale: AsyncIterable<Uint8Array> | undefined
  for await (const { entry: member, data } of readTar(streamOf(bytes.subarray(0, 5000), bytes.subarray(5000)))) {
    paths.push(member.path)
    if (member.path === 'b') for await (const _ of data) break
    if (stale) expect(await collect(stale, 10_000).catch((e: unknown) => isCode(e, 'failed_precondition'))).toBe(true)
    stale = member.path === 'a' ? data : undefined
  }
  expect(paths).toEqual(['a', 'b', 'c'])
  let released = false
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      yield bytes.subarray(0, 2000)
      yield bytes.subarray(2000)
    } finally {
      released = true
    }
  }
  for await (const _ of readTar(source())) break
  expect(released).toBe(true)
})

test('no bytes make the reader do anything but succeed or fail with our errors', () => {
  const sparse = concat([
    meta('x', pax('GNU.sparse.major=1', 'GNU.sparse.minor=0', 'GNU.sparse.realsize=9')),
    header({ size: 515 }),
    padded('1\n1\n3\n'),
    padded('abc'),
  ])
  const seed = concat([
    meta('g', pax('gname=g')),
    meta('x', pax('path=long', 'mtime=1.5', 'SCHILY.xattr.a=b', 'size=3')),
    header(),
    padded('abc'),
    sparse,
    meta('L', 'name\0'),
    header({ type: 'symlink', linkname: 'x' }),
    END,
  ])
  const interesting = fc.constantFrom(0, 0x20, 0x30, 0x37, 0x80, 0xff, 0x78, 0x53, 0x4c, 0x35)
  const edit = fc.tuple(fc.nat(seed.length - 1), fc.oneof(interesting, fc.nat(255)))
  const resum = (bytes: Uint8Array): void => {
    for (let at = 0; at + 512 <= bytes.length; at += 512)
      if (bytes[at + 257] === 0x75) summed(bytes.subarray(at, at + 512))
  }
  fc.assert(
    fc.property(
      fc.array(edit, { maxLength: 6 }),
      fc.boolean(),
      fc.nat(2000),
      fc.nat(seed.length),
      (edits, fix, step, cut) => {
        const bytes = Uint8Array.from(seed)
        for (const [at, value] of edits) bytes[at] = value
        if (fix) resum(bytes)
        const shorter = step % 3 === 0 ? bytes.subarray(0, cut) : bytes
        const result = (size: number): unknown => {
          try {
            return parse(shorter, size, { totalBytes: 1 << 20 })
          } catch (error) {
            if (!(error instanceof CairnError)) throw error
            return error.code
          }
        }
        expect(result(step + 1)).toEqual(result(shorter.length || 1))
      },
    ),
    { numRuns: 2000 },
  )
})
