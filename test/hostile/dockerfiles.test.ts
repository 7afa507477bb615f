import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { join } from 'node:path'
import { CairnError } from '#base'
import { parseDockerfile, planBuild, type PlanOptions } from '#build'
import type { OpenedImage } from '#image'
import { hostPlatform } from '#oci'
import { readCases } from '../interop/buildkit/cases.ts'

// Dockerfiles that people could write, and what becomes of them when a line or a character is changed: planned, or
// refused at a line of theirs. Nothing else is thrown, nothing hangs, and the same text gives the same graph.

const corpus = readCases(join(import.meta.dir, '../interop/buildkit/cases')).map(({ dockerfile }) => dockerfile)

const PIECES = [
  ...Array.from(' \t\r\n\\"\'$`{}[]:=#<>-/,.;%&|@!?*()a1E\0\u0085\ufeff'),
  '<<EOF',
  '<<-"E"',
  '${',
  '${a:-',
  '--',
  '--from=',
  '\\\n',
  '["a", "b"]',
  'FROM ',
  '\nFROM busybox AS b\n',
  'ONBUILD ',
  '# escape=`\n',
  '# check=skip=all\n',
  'AS',
  '../',
  '99999999999999999999',
]

type Edit = (text: string) => string

const at = (part: number, length: number): number => Math.floor(part * (length + 1))
const part = fc.double({ min: 0, max: 0.999999, noNaN: true })
const onLines =
  (edit: (lines: string[]) => void): Edit =>
  (text) => {
    const lines = text.split('\n')
    edit(lines)
    return lines.join('\n')
  }

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.tuple(part, fc.constantFrom(...PIECES)).map(
    ([p, piece]): Edit =>
      (text) =>
        text.slice(0, at(p, text.length)) + piece + text.slice(at(p, text.length)),
  ),
  fc.tuple(part, fc.integer({ min: 1, max: 20 })).map(
    ([p, n]): Edit =>
      (text) =>
        text.slice(0, at(p, text.length)) + text.slice(at(p, text.length) + n),
  ),
  part.map((p) => onLines((lines) => void lines.splice(at(p, lines.length - 1), 1))),
  fc.tuple(part, part).map(([p, q]) =>
    onLines((lines) => {
      const [moved = ''] = lines.splice(at(p, lines.length - 1), 1)
      lines.splice(at(q, lines.length), 0, moved)
    }),
  ),
  fc.tuple(part, part, fc.constantFrom(...corpus)).map(([p, q, other]) =>
    onLines((lines) => {
      const others = other.split('\n')
      lines.splice(at(p, lines.length), 0, others[at(q, others.length - 1)]!)
    }),
  ),
  fc.constant((text: string) => text.replaceAll('\n', '\r\n')),
)

const mutated = fc
  .tuple(fc.constantFrom(...corpus), fc.array(edit, { minLength: 1, maxLength: 4 }))
  .map(([text, edits]) => edits.reduce((changed, change) => change(changed), text))

const image = {
  descriptor: { mediaType: 'x', digest: `sha256:${'0'.repeat(64)}`, size: 1 },
  config: { ...hostPlatform(), config: { OnBuild: ['ENV from=trigger'] }, rootfs: { type: 'layers', diff_ids: [] } },
  platform: hostPlatform(),
  layers: [],
} as unknown as OpenedImage

const options: PlanOptions = { resolveImage: async () => image, allStages: true }

/** The graph's digest, or where and why it was refused. */
async function outcome(text: string): Promise<string> {
  try {
    const plan = await planBuild(parseDockerfile(text), options)
    return plan.state.vertex?.digest ?? 'empty'
  } catch (error) {
    if (!(error instanceof CairnError)) throw error
    const lines = text.split('\n').length
    expect(error.location?.line).toBeGreaterThanOrEqual(1)
    expect(error.location?.line).toBeLessThanOrEqual(lines)
    expect(error.message).not.toContain('\n')
    return `${error.location?.line}: ${error.message}`
  }
}

describe('changed Dockerfiles', () => {
  test('are planned or refused at a line, the same each time', async () => {
    await fc.assert(
      fc.asyncProperty(mutated, async (text) => {
        expect(await outcome(text)).toBe(await outcome(text))
      }),
      { numRuns: 3000 },
    )
  }, 60_000)

  test('are planned or refused at a line when they are bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...corpus), fc.array(fc.tuple(part, fc.nat(255))), async (text, changes) => {
        const bytes = new TextEncoder().encode(text)
        for (const [p, value] of changes) if (bytes.length > 0) bytes[at(p, bytes.length - 1)] = value
        try {
          await planBuild(parseDockerfile(bytes), options)
        } catch (error) {
          expect(error).toBeInstanceOf(CairnError)
          expect((error as CairnError).location).toBeDefined()
        }
      }),
      { numRuns: 1000 },
    )
  }, 60_000)
})
