import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { encodeName, readTar } from '#codec'
import { LayerEntries } from './entries.ts'
import type { LayerEntry } from './target.ts'
import { layerTar } from './writelayer.ts'

/** Around every place where strings and bytes, or slashes and other characters, come in another order. */
const name = fc
  .array(fc.constantFrom('a', 'b', '-', '.', '0', 'é', '中', '\ue000', '\uffee', '😀', '\udc80', '\udcff'), {
    minLength: 1,
    maxLength: 3,
  })
  .map((parts) => parts.join(''))
  .filter((text) => !/^\.+$/.test(text))
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'))

function bytesOf(text: string): Buffer {
  return Buffer.from(encodeName(text)).map((byte) => (byte === 0x2f ? 0 : byte)) as Buffer
}

test('entries come in order of their bytes, what is in a directory right after it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(path, { maxLength: 12 }), async (paths) => {
      const entry: LayerEntry = { type: 'directory', mode: 0o755, uid: 0, gid: 0, mtime: 0n }
      const found: string[] = []
      const entries = new LayerEntries()
      for (const each of paths) entries.set(each, entry)
      for await (const member of readTar(layerTar(entries))) found.push(member.entry.path)
      expect(found).toEqual(paths.toSorted((a, b) => Buffer.compare(bytesOf(a), bytesOf(b))))
    }),
    { numRuns: 500 },
  )
})
