import type { BuildRequest } from '#engine'
import type { Values } from '../../command.ts'
import { pairs } from '../environment.ts'
import { given } from './given.ts'

/** What comes out, and where it goes. */
export const resultFlags = {
  iidfile: { type: 'string', help: 'Write the image ID to a file', complete: 'file' },
  label: { type: 'string', multiple: true, help: 'Set metadata for an image' },
  load: { type: 'boolean', help: 'Accepted: the image is always in the local store' },
  platform: { type: 'string', multiple: true, help: 'Set target platforms for build (that of this host)' },
  tag: { type: 'string', short: 't', multiple: true, help: 'Name and optionally a tag (format: name:tag)' },
} as const

export const refusedResultFlags = [
  'annotation',
  'attest',
  'metadata-file',
  'output',
  'provenance',
  'push',
  'sbom',
  'squash',
] as const

export function resultRequest(values: Values<typeof resultFlags>): Partial<BuildRequest> {
  return given({
    tags: values.tag ?? [],
    platforms: values.platform?.flatMap((list) => list.split(',')).map((name) => name.trim()),
    labels: pairs(values.label ?? []),
  })
}
