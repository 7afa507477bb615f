import { array, literal, looseObject, object, optional, record, safeParse, string } from 'valibot'
import { fail, text, type Call } from '#base'
import { readDocument, type ReadOnlyTarget } from '#content'
import { Annotation, isIndex, parseIndex, parseManifest, type Descriptor } from '#oci'
import { SLSA_PROVENANCE } from '#trust'

const BUILD_TYPE = 'urn:cairn:build:dockerfile:v1'
const Digests = record(string(), string())

/** The members of our provenance that a rebuild needs: docs/formats/provenance.md. */
const Provenance = looseObject({
  buildDefinition: looseObject({
    buildType: literal(BUILD_TYPE),
    externalParameters: looseObject({
      configSource: looseObject({ uri: optional(string()), digest: Digests, path: string() }),
      request: looseObject({ args: Digests }),
    }),
    resolvedDependencies: optional(array(looseObject({ uri: string(), digest: Digests }))),
  }),
})
const Statement = object({ predicateType: literal(SLSA_PROVENANCE), predicate: Provenance })

/** What of it counts here. */
export interface RecordedBuild {
  readonly externalParameters: {
    readonly configSource: {
      readonly uri?: string | undefined
      readonly digest: Readonly<Record<string, string>>
      readonly path: string
    }
    readonly request: { readonly args: Readonly<Record<string, string>> }
  }
  readonly resolvedDependencies?:
    | readonly { readonly uri: string; readonly digest: Readonly<Record<string, string>> }[]
    | undefined
}

/** How an image was built, as what lies beside it says: an entry of its index, or what refers to it. */
export async function recordedBuild(
  image: Descriptor,
  { root, from }: { readonly root: Descriptor; readonly from: ReadOnlyTarget },
  call?: Call,
): Promise<RecordedBuild> {
  for await (const entry of statementsAbout(image, root, from, call)) {
    const { layers } = parseManifest(await readDocument(from, entry, call), entry.mediaType)
    for (const layer of layers)
      if (layer.annotations?.['in-toto.io/predicate-type'] === SLSA_PROVENANCE)
        return parse(await readDocument(from, layer, call))
  }
  return fail('not_found', 'nothing recorded how the image was built', {
    hint: 'build it with --provenance=mode=max, or name it where that lies beside it: docker://…',
  })
}

async function* statementsAbout(
  image: Descriptor,
  root: Descriptor,
  from: ReadOnlyTarget,
  call?: Call,
): AsyncGenerator<Descriptor> {
  if (isIndex(root.mediaType)) {
    const { manifests } = parseIndex(await readDocument(from, root, call), root.mediaType)
    for (const entry of manifests)
      if (entry.annotations?.[Annotation.dockerReferenceDigest] === image.digest && (await from.has(entry, call)))
        yield entry
  }
  if (from.referrers) yield* from.referrers(image, call)
}

function parse(bytes: Uint8Array): RecordedBuild {
  const parsed = safeParse(Statement, JSON.parse(text(bytes)))
  if (!parsed.success)
    return fail('unimplemented', 'the provenance of the image is not one of a build by Cairn', {
      hint: 'only such builds can be repeated from what they recorded',
    })
  return parsed.output.predicate.buildDefinition
}
