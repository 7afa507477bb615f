import { streamOf, utf8, type Call } from '#base'
import type { BuildHost, BuildResult, BuiltImage } from '#build'

import { encodeDocument, formatPlatform, MediaType, type Descriptor } from '#oci'
import {
  attestationManifest,
  imageSubjects,
  SLSA_PROVENANCE,
  SPDX_DOCUMENT,
  statementOf,
  type Predicate,
  type Statement,
} from '#trust'
import type { Parts } from '../../parts.ts'
import { sbomOf } from './sbom.ts'
import type { AttestRequest } from './types.ts'

/** A result with what is stated about its images. */
export interface Attested {
  /** The index of the images and of the statements about them. */
  readonly root: Descriptor
  readonly predicates: ReadonlyMap<BuiltImage, readonly Predicate[]>
  /** By platform. */
  readonly provenance: Readonly<Record<string, object>>
}

/** States what was asked for about every image, and lists it beside them in an index: BuildKit's form. */
export async function attest(
  parts: Parts,
  build: { readonly host: BuildHost; readonly result: BuildResult; readonly names: readonly string[] },
  request: AttestRequest,
  call?: Call,
): Promise<Attested> {
  const { host, result, names } = build
  const predicates = new Map<BuiltImage, readonly Predicate[]>()
  const entries: Descriptor[] = []
  for (const image of result.images) {
    const made = await predicatesOf(parts, { host, result, image, name: names[0] }, request, call)
    predicates.set(image, made)
    const subjects = imageSubjects(names, image.platform, image.root.digest)
    const statements = made.map((predicate) => statementOf(predicate, subjects))
    const { entry, documents } = await attestationManifest(image.root, statements)
    for (const document of documents) await keep(host, document, call)
    entries.push(entry)
  }
  const images = result.images.map(({ root, platform }) => ({ ...root, platform }))
  const manifests = [...images, ...entries]
  const index = await encodeDocument(MediaType.ociIndex, { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests })
  await keep(host, index, call)
  const provenance = [...predicates].flatMap(([{ platform }, made]) =>
    made
      .filter(({ type }) => type === SLSA_PROVENANCE)
      .map(({ content }) => [formatPlatform(platform), content] as const),
  )
  return { root: index.descriptor, predicates, provenance: Object.fromEntries(provenance) }
}

async function predicatesOf(
  parts: Parts,
  of: {
    readonly host: BuildHost
    readonly result: BuildResult
    readonly image: BuiltImage
    readonly name: string | undefined
  },
  { provenance, sbom }: AttestRequest,
  call?: Call,
): Promise<readonly Predicate[]> {
  const { result, image } = of
  return [
    ...(sbom ? [{ type: SPDX_DOCUMENT, content: await sbomOf(parts, { ...of, created: result.created }, call) }] : []),
    ...(provenance ? [{ type: SLSA_PROVENANCE, content: result.provenance(image, provenance) }] : []),
  ]
}

async function keep(
  { content, lease }: BuildHost,
  { descriptor, bytes }: { readonly descriptor: Descriptor; readonly bytes: Uint8Array },
  call?: Call,
): Promise<void> {
  lease.add(descriptor.digest)
  await content.put(descriptor, streamOf(bytes), call)
}

const FILES: Readonly<Record<string, string>> = {
  [SLSA_PROVENANCE]: 'provenance.json',
  [SPDX_DOCUMENT]: 'sbom.spdx.json',
}

/** The statements as files, for results that are files themselves. */
export function statementFiles(
  predicates: readonly Predicate[],
  image: BuiltImage,
  names: readonly string[],
): ReadonlyMap<string, Uint8Array> {
  const subjects = imageSubjects(names, image.platform, image.root.digest)
  const file = (statement: Statement): Uint8Array => utf8(`${JSON.stringify(statement, undefined, 2)}\n`)
  return new Map(
    predicates.map((predicate) => [
      FILES[predicate.type] ?? 'attestation.json',
      file(statementOf(predicate, subjects)),
    ]),
  )
}
