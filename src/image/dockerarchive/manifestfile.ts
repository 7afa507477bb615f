import { fail } from '#base'
import type { ArchiveFiles } from '#content'
import { asArray, asObject, asString, asStrings, parseJson } from '#oci'

export const MANIFEST_FILE = 'manifest.json'

/** One image as `docker save` describes it. */
export interface SavedImage {
  /** As written: `debian:12`, `docker.io/library/debian:12`. */
  readonly tags: readonly string[]
  readonly config: Uint8Array
  /** Where the config lay; its name may be its digest. */
  readonly configPath?: string
  /** Paths of the layers' tars, from the base up. */
  readonly layers: readonly string[]
}

/** Images or layers of one archive. */
const ENTRIES_LIMIT = 10_000

/** Reads manifest.json: a list of `{Config, RepoTags, Layers}` (moby image/spec, since 1.10). */
export function readManifestFile(files: ArchiveFiles): readonly SavedImage[] {
  const bytes =
    files.document(MANIFEST_FILE) ??
    fail('invalid_argument', `${files.name} is no docker-archive: it has no manifest.json`)
  const items = asArray(parseJson(bytes, MANIFEST_FILE), MANIFEST_FILE)
  if (items.length > ENTRIES_LIMIT) fail('resource_exhausted', `${MANIFEST_FILE} names ${items.length} images`)
  return items.map((item, i) => savedImage(files, item, `${MANIFEST_FILE}[${i}]`))
}

function savedImage(files: ArchiveFiles, item: unknown, what: string): SavedImage {
  const object = asObject(item, what)
  const configPath = asString(object.Config, `${what}.Config`)
  const config = files.document(configPath) ?? fail('data_loss', `${files.name} lacks the config ${configPath}`)
  const layers = asStrings(object.Layers, `${what}.Layers`)
  if (layers.length > ENTRIES_LIMIT) fail('resource_exhausted', `${what} has ${layers.length} layers`)
  return { tags: asStrings(object.RepoTags, `${what}.RepoTags`), config, configPath, layers }
}
