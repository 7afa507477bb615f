import { expect, test } from 'bun:test'
import { collect, isCode, streamOf, utf8 } from '#base'
import { createHasher, hashing, verified } from '#codec'
import type { Digest } from '#oci'

const HELLO: Digest = 'sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'

async function failure(expected: { digest: Digest; size?: number }, ...chunks: string[]): Promise<string> {
  const stream = verified(streamOf(...chunks.map(utf8)), expected)
  return await collect(stream, 100).then(
    () => 'none',
    (error: unknown) => (isCode(error, 'data_loss') ? error.message : String(error)),
  )
}

test('hashers of both algorithms', () => {
  const hasher = createHasher()
  hasher.update(utf8('hel'))
  hasher.update(utf8('lo'))
  expect(hasher.digest()).toBe(HELLO)
  expect(createHasher('sha512').digest()).toMatch(/^sha512:cf83e1357eefb8bd[0-9a-f]{112}$/)
})

test('hashing measures what passes', async () => {
  const { stream, result } = hashing(streamOf(utf8('hel'), utf8('lo')))
  expect(result).toThrow('has not been read to its end')
  expect(await collect(stream, 100)).toEqual(utf8('hello'))
  expect(result()).toEqual({ digest: HELLO, size: 5 })
})

test('verified lets the right bytes through and no others', async () => {
  expect(await failure({ digest: HELLO, size: 5 }, 'hel', 'lo')).toBe('none')
  expect(await failure({ digest: HELLO }, 'hello')).toBe('none')
  expect(await failure({ digest: HELLO, size: 5 }, 'hellO')).toContain(`where ${HELLO} was expected`)
  expect(await failure({ digest: HELLO, size: 5 }, 'hell')).toMatch(/^content is sha256:.*\(4 bytes of 5\)$/)
  expect(await failure({ digest: HELLO, size: 6 }, 'hello')).toContain('(5 bytes of 6)')
  expect(await failure({ digest: HELLO, size: 5 })).toContain('(0 bytes of 5)')
  const sha512 = createHasher('sha512')
  sha512.update(utf8('hello'))
  expect(await failure({ digest: sha512.digest(), size: 5 }, 'hello')).toBe('none')
})

test('verified stops an over-long stream before a byte too many gets out', async () => {
  let asked = 0
  let released = false
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        asked++
        yield utf8('hello')
      }
    } finally {
      released = true
    }
  }
  let seen = 0
  const read = async (): Promise<void> => {
    for await (const chunk of verified(endless(), { digest: HELLO, size: 12 })) seen += chunk.length
  }
  expect(await read().catch((error: unknown) => isCode(error, 'data_loss'))).toBe(true)
  expect({ asked, seen, released }).toEqual({ asked: 3, seen: 10, released: true })
})
