import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fail, type Call } from '#base'
import type { Descriptor } from '#oci'
import type { SentImage } from '../cache/send.ts'
import type { Extras } from './files.ts'
import type { OutputSession } from './session.ts'
import type { BuildOutput } from './types.ts'

/** An image in the local store, which is also what a build without any output makes. */
const DEFAULT: BuildOutput = { type: 'image' }

/** What went out. */
export interface SentOutputs {
  /** The image as the outside knows it: the last registry's or archive's, else the local one. */
  readonly descriptor: Descriptor
  /** What registries now have. */
  readonly pushed?: SentImage
}

/** Sends a result everywhere it is to go, one place after another. */
export async function sendOutputs(
  session: OutputSession,
  outputs: readonly BuildOutput[] = [DEFAULT],
  call?: Call,
): Promise<SentOutputs> {
  let pushed: SentImage | undefined
  let local = session.root
  let outside: Descriptor | undefined
  for (const output of outputs) {
    if (output.type === 'image') {
      const { imageOutput } = await import('./image.ts')
      const sent = await imageOutput(session, output, call)
      if (output.push) outside = (pushed = sent).root
      else local = sent.root
    } else if (output.type === 'oci' || output.type === 'docker') {
      const { archiveOutput } = await import('./archive.ts')
      outside = await reported(`exporting to ${output.type} archive`, call, () => archiveOutput(session, output, call))
    } else if (output.type === 'local' || output.type === 'tar') {
      const { directoryOutput, tarOutput } = await import('./files.ts')
      const { statementFiles } = await import('../attest/attest.ts')
      const extras: Extras = (image) => statementFiles(session.predicates?.get(image) ?? [], image, session.names)
      await reported(`exporting to ${output.type === 'tar' ? 'tar' : 'directory'}`, call, () =>
        output.type === 'local'
          ? directoryOutput(session, output, extras, call)
          : tarOutput(session, output, extras, call),
      )
    }
  }
  return { descriptor: outside ?? local, ...(pushed && { pushed }) }
}

/** What cannot be sent is found before anything is built. */
export function checkOutputs(outputs: readonly BuildOutput[], names: readonly string[]): void {
  const places = new Set<string>()
  for (const output of outputs) {
    if (output.type === 'image' && output.push && names.length === 0 && output.names === undefined)
      fail('invalid_argument', 'an image that is pushed needs a name', {
        hint: 'give one with -t, or name= in --output',
      })
    if (!('dest' in output)) continue
    const place = typeof output.dest === 'string' ? resolve(output.dest) : 'standard output'
    if (places.has(place)) fail('invalid_argument', `two outputs go to ${place}`)
    places.add(place)
    const isFile = output.type === 'tar' || (output.type !== 'local' && output.tar !== false)
    if (isFile && typeof output.dest === 'string' && !existsSync(dirname(place)))
      fail('not_found', `${dirname(place)}, where ${output.dest} is to be, does not exist`)
  }
}

async function reported<T>(name: string, call: Call | undefined, work: () => Promise<T>): Promise<T> {
  const step = { kind: 'vertex', id: `output ${name}`, name, started: Date.now() } as const
  call?.progress?.(step)
  const result = await work()
  call?.progress?.({ ...step, completed: Date.now() })
  return result
}
