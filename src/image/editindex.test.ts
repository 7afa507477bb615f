import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { text, utf8 } from '#base'
import { digestOf, MediaType, parseIndex, type Descriptor, type ImageIndex } from '#oci'
import { failure } from '#testkit'
import { addEntries, annotateIndex, editIndex, removeEntries } from './editindex.ts'

const entry = (letter: string, architecture: string, variant?: string): Descriptor => ({
  mediaType: MediaType.ociManifest,
  digest: `sha256:${letter.repeat(64)}`,
  size: 7,
  platform: { os: 'linux', architecture, ...(variant ? { variant } : {}) },
})

const attestation: Descriptor = {
  ...entry('e', 'unknown'),
  platform: { os: 'unknown', architecture: 'unknown' },
  annotations: {
    'vnd.docker.reference.type': 'attestation-manifest',
    'vnd.docker.reference.digest': entry('a', 'amd64').digest,
  },
}

const index = (...manifests: Descriptor[]): ImageIndex => ({
  schemaVersion: 2,
  mediaType: MediaType.ociIndex,
  manifests,
})
const digests = ({ manifests }: ImageIndex): string[] => manifests.map((d) => d.digest.slice(7, 8))

describe('an index that is edited', () => {
  test('keeps members that nobody knows, their order and the way it was written', async () => {
    const odd = { manifests: [{ ...entry('a', 'amd64'), 'x-odd': [1, { z: 1, a: 2 }] }], other: null, schemaVersion: 2 }
    for (const indent of [undefined, 2, '\t', 4]) {
      const bytes = utf8(JSON.stringify(odd, undefined, indent) + (indent === 2 ? '\n' : ''))
      const edited = await editIndex(MediaType.ociIndex, bytes, (i) => addEntries(i, [entry('b', 'arm64')]))
      const expected = { ...odd, manifests: [...odd.manifests, entry('b', 'arm64')] }
      expect(text(edited.bytes)).toBe(JSON.stringify(expected, undefined, indent) + (indent === 2 ? '\n' : ''))
      expect(edited.descriptor.digest).toBe(await digestOf(edited.bytes))
    }
  })

  test('that nothing changes in is the same bytes, whatever their form', async () => {
    const bytes = utf8(` { "schemaVersion":2,\n\t\t"manifests":[${JSON.stringify(entry('a', 'amd64'))}] }`)
    const same = await editIndex(MediaType.ociIndex, bytes, (i) => addEntries(i, [entry('a', 'amd64')]))
    expect(same.bytes).toEqual(bytes)
  })

  test('has one image for a platform', async () => {
    const before = index(entry('a', 'amd64'), entry('c', 'arm', 'v7'), attestation)
    expect(digests(addEntries(before, [entry('d', 'arm', 'v6')]))).toEqual(['a', 'c', 'e', 'd'])
    expect(() => addEntries(before, [entry('b', 'amd64')])).toThrow('linux/amd64')
    // What was attached to the old image goes with it.
    expect(digests(addEntries(before, [entry('b', 'amd64')], { replace: true }))).toEqual(['b', 'c'])
  })

  test('loses entries by digest and platform, and what is attached to them', async () => {
    const before = index(entry('a', 'amd64'), entry('b', 'arm64'), attestation)
    expect(digests(removeEntries(before, ['linux/amd64']))).toEqual(['b'])
    expect(digests(removeEntries(before, [entry('b', 'arm64').digest]))).toEqual(['a', 'e'])
    await failure((async () => removeEntries(before, ['linux/riscv64']))(), 'not_found')
  })

  test('is annotated, whole or entry by entry', () => {
    const noted = annotateIndex(index(entry('a', 'amd64')), { annotations: { k: 'v', l: '' } })
    expect(noted.annotations).toEqual({ k: 'v', l: '' })
    expect(annotateIndex(noted, { annotations: { k: undefined, l: undefined } })).toEqual(index(entry('a', 'amd64')))
    const { manifests } = annotateIndex(index(entry('a', 'amd64'), entry('b', 'arm64')), {
      entry: 'linux/arm64',
      annotations: { k: 'v' },
      platform: { variant: 'v8', 'os.version': '1' },
    })
    expect(manifests[0]).toEqual(entry('a', 'amd64'))
    expect(manifests[1]).toMatchObject({
      annotations: { k: 'v' },
      platform: { os: 'linux', architecture: 'arm64', variant: 'v8', 'os.version': '1' },
    })
  })

  test('what is added can be removed again, and the bytes are those of before', async () => {
    const platform = fc.record({
      os: fc.constantFrom('linux', 'windows'),
      architecture: fc.constantFrom('amd64', 'arm64', 's390x', 'riscv64'),
    })
    const entries = fc.uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), platform), {
      selector: ([letter]) => letter,
      maxLength: 5,
    })
    await fc.assert(
      fc.asyncProperty(entries, async (made) => {
        const before = utf8(JSON.stringify(index(entry('1', 'ppc64le'))))
        const added = made.map(([letter, p]) => ({ ...entry(letter, ''), platform: p }))
        const after = await editIndex(MediaType.ociIndex, before, (i) => addEntries(i, added, { replace: true }))
        const there = parseIndex(after.bytes)
          .manifests.slice(1)
          .map((d) => d.digest)
        const back = await editIndex(MediaType.ociIndex, after.bytes, (i) => removeEntries(i, there))
        expect(text(back.bytes)).toBe(text(before))
      }),
    )
  })
})
