import type { BuildRequest } from '#engine'
import type { Values } from '../../command.ts'
import { pairs } from '../environment.ts'
import { parseAnnotation } from './annotation.ts'
import { attestRequest } from './attest.ts'
import { given } from './given.ts'
import { buildOutputs } from './output.ts'

/** What comes out, and where it goes. */
export const resultFlags = {
  annotation: { type: 'string', multiple: true, help: 'Add annotation to the image' },
  attest: { type: 'string', multiple: true, help: 'Attestation parameters (format: "type=sbom")' },
  iidfile: { type: 'string', help: 'Write the image ID to a file', complete: 'file' },
  label: { type: 'string', multiple: true, help: 'Set metadata for an image' },
  load: { type: 'boolean', help: 'Shorthand for "--output=type=docker": the local store' },
  'metadata-file': { type: 'string', help: 'Write build result metadata to a file', complete: 'file' },
  output: {
    type: 'string',
    short: 'o',
    multiple: true,
    help: 'Output destination (format: "type=local,dest=path"; image, registry, oci, docker, local, tar, cacheonly)',
  },
  platform: { type: 'string', multiple: true, help: 'Set target platforms for build (that of this host)' },
  provenance: { type: 'string', help: 'Shorthand for "--attest=type=provenance" (true, mode=min, mode=max)' },
  push: { type: 'boolean', help: 'Shorthand for "--output=type=registry"' },
  sbom: { type: 'string', help: 'Shorthand for "--attest=type=sbom"' },
  squash: { type: 'boolean', help: 'Squash newly built layers into a single new layer' },
  tag: { type: 'string', short: 't', multiple: true, help: 'Name and optionally a tag (format: name:tag)' },
} as const

export function resultRequest(values: Values<typeof resultFlags>): Partial<BuildRequest> {
  return given({
    tags: values.tag ?? [],
    platforms: values.platform?.flatMap((list) => list.split(',')).map((name) => name.trim()),
    labels: pairs(values.label ?? []),
    squash: values.squash,
    attest: attestRequest({ attest: values.attest ?? [], provenance: values.provenance, sbom: values.sbom }),
    outputs: buildOutputs({
      output: values.output ?? [],
      push: values.push === true,
      load: values.load === true,
      annotations: (values.annotation ?? []).flatMap(parseAnnotation),
    }),
  })
}
