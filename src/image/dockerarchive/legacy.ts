import { checkCanceled, fail, utf8 } from '#base'
import type { Call } from '#base'
import { decompress, hashing } from '#codec'
import type { ArchiveFiles } from '#content'
import { asObject, asString, asStrings, parseObject } from '#oci'
import type { Digest, JsonObject } from '#oci'
import { compressionOf } from './compression.ts'
import { MANIFEST_FILE } from './manifestfile.ts'
import type { SavedImage } from './manifestfile.ts'

/**
 * The archives of Docker before 1.10 (moby image/spec v1): `repositories` names a layer per tag,
 * each layer is a directory `<id>/` with `json` (its config, naming its `parent`) and `layer.tar`.
 * The config made from them is, byte for byte, the one that Docker's own migration makes, so the
 * image ID is the same.
 */
const REPOSITORIES_FILE = 'repositories'
const ID = /^[0-9a-f]{64}$/
/** Docker's own bound on layers is 127. */
const CHAIN_LIMIT = 512
/** Members of a v1 config that say where it lay, not what the image is. */
const DROPPED: ReadonlySet<string> = new Set(['id', 'parent', 'Size', 'parent_id', 'layer_id', 'throwaway'])

export function isLegacy(files: ArchiveFiles): boolean {
  return files.size(MANIFEST_FILE) === undefined && files.size(REPOSITORIES_FILE) !== undefined
}

export async function readLegacy(files: ArchiveFiles, call?: Call): Promise<readonly SavedImage[]> {
  const repositories = parseObject(files.document(REPOSITORIES_FILE) ?? new Uint8Array(0), REPOSITORIES_FILE)
  const diffIds = new Map<string, Digest>()
  const tagsOf = new Map<string, string[]>()
  for (const [repository, value] of Object.entries(repositories))
    for (const [tag, id] of Object.entries(asObject(value, repository)))
      tagsOf.set(layerId(id), [...(tagsOf.get(layerId(id)) ?? []), `${repository}:${tag}`])
  const images: SavedImage[] = []
  for (const [id, tags] of tagsOf) images.push(await legacyImage(files, id, tags, diffIds, call))
  return images
}

async function legacyImage(
  files: ArchiveFiles,
  id: string,
  tags: readonly string[],
  diffIds: Map<string, Digest>,
  call?: Call,
): Promise<SavedImage> {
  const chain = chainOf(files, id)
  for (const layer of chain) {
    checkCanceled(call)
    if (!diffIds.has(layer.id)) diffIds.set(layer.id, await diffIdOf(files, tarPath(layer.id), call))
  }
  const members: Record<string, unknown> = Object.fromEntries(
    Object.entries(chain.at(-1)!.config).filter(([name]) => !DROPPED.has(name)),
  )
  members.rootfs = { type: 'layers', diff_ids: chain.map((layer) => diffIds.get(layer.id)) }
  members.history = chain.map((layer) => historyOf(layer.config))
  return { tags, config: encodeLikeGo(members), layers: chain.map((layer) => tarPath(layer.id)) }
}

interface LegacyLayer {
  readonly id: string
  readonly config: JsonObject
}

/** From the base up, by following `parent`. */
function chainOf(files: ArchiveFiles, tip: string): readonly LegacyLayer[] {
  const chain: LegacyLayer[] = []
  const seen = new Set<string>()
  for (let id: string | undefined = tip; id !== undefined;) {
    if (seen.has(id) || seen.size >= CHAIN_LIMIT)
      fail('invalid_argument', `${files.name}: the parents of layer ${tip} have no end`)
    seen.add(id)
    const path = `${id}/json`
    const config = parseObject(files.document(path) ?? fail('data_loss', `${files.name} lacks ${path}`), path)
    chain.unshift({ id, config })
    id = config.parent ? layerId(config.parent) : undefined
  }
  return chain
}

/** An ID becomes a path: it must be nothing but one. */
function layerId(value: unknown): string {
  const id = asString(value, 'layer ID')
  return ID.test(id) ? id : fail('invalid_argument', `not a layer ID: ${JSON.stringify(id.slice(0, 100))}`)
}

function tarPath(id: string): string {
  return `${id}/layer.tar`
}

async function diffIdOf(files: ArchiveFiles, path: string, call?: Call): Promise<Digest> {
  if (files.size(path) === undefined) fail('data_loss', `${files.name} lacks the layer ${path}`)
  const measured = hashing(decompress(files.read(path, 0, call), await compressionOf(files, path)))
  for await (const _ of measured.stream);
  return measured.result().digest
}

function historyOf(config: JsonObject): object {
  const command = config.container_config ? asObject(config.container_config, 'container_config').Cmd : undefined
  const words = command === undefined || command === null ? [] : asStrings(command, 'container_config.Cmd')
  return {
    created: config.created ?? '0001-01-01T00:00:00Z',
    ...(config.author ? { author: config.author } : {}),
    ...(words.length > 0 ? { created_by: words.join(' ') } : {}),
    ...(config.comment ? { comment: config.comment } : {}),
  }
}

/** Go's encoding/json: members sorted at the top, and five characters escaped everywhere. */
function encodeLikeGo(members: Readonly<Record<string, unknown>>): Uint8Array {
  const sorted = Object.fromEntries(Object.entries(members).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  const escaped = JSON.stringify(sorted).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return utf8(escaped)
}
