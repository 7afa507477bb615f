import { describe, expect, test } from 'bun:test'
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import fc from 'fast-check'
import { CairnError, collect, concat, streamOf, utf8, type ByteStream } from '#base'
import { createInflater, decompress, detectCompression, detected, gunzip, gzip, unzstd, zstd } from '#codec'
import { lacking, skipReason } from '#testkit'
import { createAheadInflater } from './ahead.ts'
import { inflate } from './inflate.ts'

const LIMIT = 1 << 28
const sample = new Uint8Array(3_000_000).map((_, i) => ((i * i) % 251) ^ (i >> 13))
const gz = new Uint8Array(gzipSync(sample))
const zst = new Uint8Array(zstdCompressSync(sample))

const ways = {
  gunzip: (bytes: Uint8Array, step: number) => collect(gunzip(streamOf(...cut(bytes, step))), LIMIT),
  unzstd: (bytes: Uint8Array, step: number) => collect(unzstd(streamOf(...cut(bytes, step))), LIMIT),
  'gzip by the stream': (bytes: Uint8Array, step: number) =>
    collect(
      inflate(streamOf(...cut(bytes, step)), 'gzip', {}, () => undefined),
      LIMIT,
    ),
  'gzip pushed': (bytes: Uint8Array, step: number) => Promise.resolve(pushed('gzip', bytes, step)),
  'zstd pushed': (bytes: Uint8Array, step: number) => Promise.resolve(pushed('zstd', bytes, step)),
  'gzip ahead': (bytes: Uint8Array, step: number) => ahead('gzip', bytes, step),
  'zstd ahead': (bytes: Uint8Array, step: number) => ahead('zstd', bytes, step),
}

/** The input's buffer is spoilt as soon as it may be, and the output is read as late as it may be. */
async function ahead(compression: 'gzip' | 'zstd', bytes: Uint8Array, step: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  const inflater = await createAheadInflater(compression, async (part, lasting) => {
    const place = parts.push(part) - 1
    if (lasting) await new Promise((resolve) => setImmediate(resolve))
    parts[place] = part.slice()
  })
  for (const chunk of cut(bytes, step)) {
    const lent = chunk.slice()
    await inflater.write(lent)
    lent.fill(0x55)
  }
  await inflater.end()
  return concat(parts)
}

test('ahead: what comes out are full pieces, but for the last', async () => {
  const sizes: number[] = []
  const inflater = await createAheadInflater('gzip', (part) => void sizes.push(part.length))
  for (const chunk of cut(gz, 1000)) await inflater.write(chunk)
  await inflater.end()
  expect(sizes).toEqual([2 << 20, sample.length - (2 << 20)])
})

function pushed(compression: 'gzip' | 'zstd', bytes: Uint8Array, step: number): Uint8Array {
  const parts: Uint8Array[] = []
  const inflater = createInflater(compression, (part) => void parts.push(part.slice()))
  for (const chunk of cut(bytes, step)) inflater.write(chunk)
  inflater.end()
  return concat(parts)
}

function cut(bytes: Uint8Array, step: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / step) }, (_, i) => bytes.subarray(i * step, (i + 1) * step))
}

async function codeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work()
    return 'no error'
  } catch (error) {
    return error instanceof CairnError ? error.code : `not ours: ${String(error)}`
  }
}

for (const [name, way] of Object.entries(ways)) {
  const packed = /zst/.test(name) ? zst : gz
  const small = new Uint8Array(/zst/.test(name) ? zstdCompressSync(utf8('small')) : gzipSync(utf8('small')))

  test(`${name}: whole, in steps of any size, members after one another`, async () => {
    for (const step of [977, 65536, packed.length]) expect(Buffer.compare(await way(packed, step), sample)).toBe(0)
    const twice = concat([small, small])
    for (let step = 1; step <= twice.length; step++) expect(await way(twice, step)).toEqual(utf8('smallsmall'))
  })

  test(`${name}: truncated anywhere is data_loss`, async () => {
    for (let length = 0; length < small.length; length++)
      expect(await codeOf(() => way(small.subarray(0, length), 5))).toBe('data_loss')
    for (const length of [packed.length - 1, packed.length - 5, packed.length >> 1, 20])
      expect(await codeOf(() => way(packed.subarray(0, length), 65536))).toBe('data_loss')
  })

  test(`${name}: damage and garbage are data_loss`, async () => {
    const bad = packed.slice()
    bad[bad.length - 3]! ^= 1
    if (!/zst/.test(name)) expect(await codeOf(() => way(bad, 65536))).toBe('data_loss')
    for (const step of [1, 6, 1000]) {
      expect(await codeOf(() => way(concat([small, utf8('garbage')]), step))).toBe('data_loss')
      expect(await codeOf(() => way(utf8('no such format at all'), step))).toBe('data_loss')
    }
  })
}

test('gzip: zeros behind the end are fine, anything behind them is not', async () => {
  for (const name of ['gunzip', 'gzip by the stream', 'gzip pushed', 'gzip ahead'] as const)
    for (const step of [1, 100, gz.length, 1 << 22])
      expect((await ways[name](concat([gz.subarray(0), new Uint8Array(700)]), Math.max(step, 50))).length).toBe(
        sample.length,
      )
  const tail = concat([gz, new Uint8Array(700), utf8('x')])
  for (const step of [100, 1 << 22]) expect(await codeOf(() => ways.gunzip(tail, step))).toBe('data_loss')
})

test('zstd: frames to skip, checksums', async () => {
  const skip = Uint8Array.of(0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3)
  const frame = await collect(zstd(streamOf(sample)), LIMIT)
  for (const step of [7, 1 << 20])
    expect(Buffer.compare(await ways.unzstd(concat([skip, frame, skip]), step), sample)).toBe(0)
  expect(await codeOf(() => ways.unzstd(skip.subarray(0, 9), 4))).toBe('data_loss')
  const bad = frame.slice()
  bad[bad.length - 1]! ^= 1
  expect(await codeOf(() => ways.unzstd(bad, 65536))).toBe('data_loss')
})

test('a bomb stops at its limit', async () => {
  const bomb = gzipSync(new Uint8Array(50_000_000))
  const few = { limit: 1_000_000 }
  expect(await codeOf(() => collect(gunzip(streamOf(bomb), few), LIMIT))).toBe('resource_exhausted')
  expect(await codeOf(() => collect(decompress(streamOf(sample), 'none', few), LIMIT))).toBe('resource_exhausted')
  let seen = 0
  const inflater = createInflater('gzip', (bytes) => (seen += bytes.length), few)
  expect(() => inflater.write(bomb)).toThrow(expect.objectContaining({ code: 'resource_exhausted' }))
  expect(seen).toBeLessThanOrEqual(few.limit)
  expect(() => inflater.write(bomb)).toThrow(expect.objectContaining({ code: 'failed_precondition' }))
})

test('errors of the stream below come through as they are', async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield gz.subarray(0, 1000)
    throw new CairnError('unavailable', 'cable pulled')
  }
  expect(await codeOf(() => collect(gunzip(broken()), LIMIT))).toBe('unavailable')
  expect(
    await codeOf(() =>
      collect(
        inflate(broken(), 'gzip', {}, () => undefined),
        LIMIT,
      ),
    ),
  ).toBe('unavailable')
})

test('leaving early lets go of the source', async () => {
  let released = false
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      for (const chunk of cut(gz, 4096)) yield chunk
    } finally {
      released = true
    }
  }
  for await (const _ of gunzip(source())) break
  expect(released).toBe(true)
})

test('no bytes make an inflater do anything but succeed or fail with our errors', async () => {
  const mutated = fc.tuple(fc.constantFrom('gzip', 'zstd'), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 5 }))
  const tiny = sample.subarray(0, 5000)
  const source = { gzip: gzipSync(tiny), zstd: zstdCompressSync(tiny) }
  await fc.assert(
    fc.asyncProperty(mutated, fc.nat(300), async ([kind, edits], step) => {
      const bytes = Uint8Array.from(source[kind as 'gzip'])
      for (const [at, value] of edits) bytes[at % bytes.length] = value
      const way = kind === 'gzip' ? ways.gunzip : ways.unzstd
      expect(await codeOf(() => way(bytes, step + 1))).toMatch(/^(no error|data_loss|resource_exhausted)$/)
    }),
    { numRuns: 300 },
  )
})

test('gzip: the same bytes for any number of workers and any chunks', async () => {
  const one = await collect(gzip(streamOf(sample), { workers: 1 }), LIMIT)
  for (const [workers, step] of [
    [2, 100_000],
    [7, 1 << 20],
    [undefined, 333_333],
  ] as const)
    expect(
      Buffer.compare(await collect(gzip(streamOf(...cut(sample, step)), workers ? { workers } : {}), LIMIT), one),
    ).toBe(0)
  expect(Buffer.compare(gunzipSync(one), sample)).toBe(0)
  // No time, no name, no operating system: nothing that tells one machine from another.
  expect([...one.subarray(0, 8), one[9]]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0xff])
  const small = await collect(gzip(streamOf(sample), { level: 9 }), LIMIT)
  expect(small.length).toBeLessThan(one.length)
  for (const length of [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1]) {
    const packed = await collect(gzip(streamOf(sample.subarray(0, length))), LIMIT)
    expect(Buffer.compare(gunzipSync(packed), sample.subarray(0, length))).toBe(0)
  }
})

test.skipIf(!Bun.which('gzip') || !Bun.which('zstd'))('gzip -t and zstd -t accept ours (needs both)', async () => {
  const test = (tool: string, bytes: Uint8Array) => Bun.spawnSync([tool, '-t'], { stdin: bytes }).exitCode
  expect(test('gzip', await collect(gzip(streamOf(sample)), LIMIT))).toBe(0)
  expect(test('zstd', await collect(zstd(streamOf(sample, sample)), LIMIT))).toBe(0)
})

test('zstd: back and forth, empty too', async () => {
  const packed = await collect(zstd(streamOf(sample, sample), { workers: 1 }), LIMIT)
  expect(Buffer.compare(zstdDecompressSync(packed), concat([sample, sample]))).toBe(0)
  expect(Buffer.compare(await collect(zstd(streamOf(concat([sample, sample])), { workers: 3 }), LIMIT), packed)).toBe(0)
  expect((await collect(unzstd(zstd(streamOf())), LIMIT)).length).toBe(0)
})

test('a canceled compression stops', async () => {
  const call = { signal: AbortSignal.abort() }
  expect(await codeOf(() => collect(gzip(streamOf(sample), {}, call), LIMIT))).toBe('canceled')
})

test('magic tells the compression', () => {
  expect(detectCompression(gz)).toBe('gzip')
  expect(detectCompression(zst)).toBe('zstd')
  expect(detectCompression(Uint8Array.of(0x50, 0x2a, 0x4d, 0x18))).toBe('zstd')
  expect(detectCompression(utf8('BZh9'))).toBe('bzip2')
  expect(detectCompression(Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0))).toBe('xz')
  expect(detectCompression(utf8('plain'))).toBe('none')
  expect(detectCompression(new Uint8Array(0))).toBe('none')
})

const failure = (stream: ByteStream): Promise<unknown> => collect(stream, LIMIT).catch((error: unknown) => error)

describe('what the system’s programs decompress', () => {
  for (const program of ['bzip2', 'xz'] as const) {
    const skip = skipReason(program, lacking(program))
    const packed = (bytes: Uint8Array): Uint8Array => Bun.spawnSync([program, '-c'], { stdin: bytes }).stdout
    const plain = utf8('of some length '.repeat(200_000))

    test.skipIf(skip)(`${program}: the bytes come out, whatever the chunks; damage and bombs are told`, async () => {
      const bytes = packed(plain)
      const chunks = Array.from({ length: Math.ceil(bytes.length / 100) }, (_, i) =>
        bytes.slice(100 * i, 100 * (i + 1)),
      )
      const found = await detected(streamOf(...chunks.flatMap((chunk) => [chunk.subarray(0, 3), chunk.subarray(3)])))
      expect(found.compression).toBe(program)
      expect(await collect(decompress(found.stream, program), LIMIT)).toEqual(plain)
      const part = streamOf(bytes.subarray(0, bytes.length - 20))
      expect(await failure(decompress(part, program))).toMatchObject({ code: 'data_loss' })
      const bomb = decompress(streamOf(bytes), program, { limit: 1000 })
      expect(await failure(bomb)).toMatchObject({ code: 'resource_exhausted' })
      // Who leaves early leaves no process.
      for await (const chunk of decompress(streamOf(bytes), program)) {
        expect(chunk.length).toBeGreaterThan(0)
        break
      }
    })
  }

  test('a stream that breaks off says why', async () => {
    async function* broken(): AsyncGenerator<Uint8Array, void, void> {
      yield Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0)
      throw new Error('the network is gone')
    }
    expect(await failure(decompress(broken(), 'xz'))).toMatchObject({ message: 'the network is gone' })
  })
})
