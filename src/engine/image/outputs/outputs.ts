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

/** Places that several outputs cannot share, found before anything is built. */
export function checkOutputs(outputs: readonly BuildOutput[]): void {
  const places = new Set<string>()
  for (const output of outputs) {
    if (!('dest' in output)) continue
    const place = typeof output.dest === 'string' ? output.dest : 'standard output'
    if (places.has(place)) fail('invalid_argument', `two outputs go to ${place}`)
    places.add(place)
  }
}

async function reported<T>(name: string, call: Call | undefined, work: () => Promise<T>): Promise<T> {
  const step = { kind: 'vertex', id: `output ${name}`, name, started: Date.now() } as const
  call?.progress?.(step)
  const result = await work()
  call?.progress?.({ ...step, completed: Date.now() })
  return result
}
