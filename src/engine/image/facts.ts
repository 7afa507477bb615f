import { fail, isCode, type Call } from '#base'
import type { Database } from '#content'
import { openSome } from './opensome.ts'
import type { Descriptor, Digest, ImageConfig } from '#oci'
import type { Parts } from '../parts.ts'

const SCHEMA = `
CREATE TABLE IF NOT EXISTS image_facts (
  root TEXT PRIMARY KEY,
  id TEXT NOT NULL,
  manifest TEXT NOT NULL,
  created INTEGER,
  size INTEGER NOT NULL,
  labels TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS image_facts_id ON image_facts (id);`

/** What lists and lookups need of an image. Content-addressed, so what was read once stays true. */
export interface ImageFacts {
  readonly root: Digest
  /** Digest of the config: Docker's image ID. */
  readonly id: Digest
  readonly manifest: Digest
  /** As the image says, milliseconds since the epoch. */
  readonly created?: number
  /** Bytes of the uncompressed layers. */
  readonly size: number
  readonly labels: Readonly<Record<string, string>>
}

interface Row {
  readonly root: Digest
  readonly id: Digest
  readonly manifest: Digest
  readonly created: number | null
  readonly size: number
  readonly labels: string
}

/** The facts of every image in the store, by root; those not yet known are read now. */
export async function allFacts(parts: Parts, call?: Call): Promise<ReadonlyMap<Digest, ImageFacts>> {
  const names = await parts.names()
  parts.db.schema(SCHEMA)
  const known = new Map(parts.db.all<Row>('SELECT * FROM image_facts').map((row) => [row.root, factsOf(row)]))
  const facts = new Map<Digest, ImageFacts>()
  for (const { root } of names.list()) {
    if (facts.has(root.digest)) continue
    const found = known.get(root.digest) ?? (await readable(() => learn(parts, root, call)))
    if (found) facts.set(root.digest, found)
  }
  return facts
}

/** Images that containers alone keep, since their names were taken away by force. */
export async function heldFacts(
  parts: Parts,
  named: ReadonlyMap<Digest, ImageFacts>,
  call?: Call,
): Promise<ReadonlyMap<Descriptor, ImageFacts>> {
  const seen = new Set<Digest>([...named.values()].map(({ manifest }) => manifest))
  const held = new Map<Descriptor, ImageFacts>()
  for (const { config } of parts.containers.list()) {
    const { manifest } = config
    if (seen.has(manifest.digest)) continue
    seen.add(manifest.digest)
    const found = await readable(() => factsFor(parts, manifest, call))
    if (found) held.set(manifest, found)
  }
  return held
}

/** One image's facts. */
export async function factsFor(parts: Parts, root: Descriptor, call?: Call): Promise<ImageFacts> {
  parts.db.schema(SCHEMA)
  const row = parts.db.get<Row>('SELECT * FROM image_facts WHERE root = ?', root.digest)
  return row ? factsOf(row) : learn(parts, root, call)
}

/** Drops what is remembered of images that are gone. */
export function forgetFacts(db: Database): void {
  db.schema(SCHEMA)
  db.run('DELETE FROM image_facts WHERE root NOT IN (SELECT digest FROM image)')
}

/** Undefined for a damaged image. It is left out of lists, and can be removed: inspecting or running it says what is wrong. */
export async function readable<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (isCode(error, 'data_loss') || isCode(error, 'not_found') || isCode(error, 'invalid_argument')) return undefined
    throw error
  }
}

async function learn(parts: Parts, root: Descriptor, call?: Call): Promise<ImageFacts> {
  const [store, layers] = await Promise.all([parts.store(), parts.layers()])
  const image = await openSome(store, root, call)
  const size = image.layers.reduce(
    (sum, { diffId, descriptor }) => sum + (layers.stat(diffId)?.tarSize ?? descriptor.size),
    0,
  )
  const created = createdTime(image.config)
  const facts: ImageFacts = {
    root: root.digest,
    id: image.manifest.config.digest,
    manifest: image.descriptor.digest,
    size,
    labels: { ...image.config.config?.Labels },
    ...(created !== undefined && { created }),
  }
  parts.db.run(
    'INSERT OR REPLACE INTO image_facts (root, id, manifest, created, size, labels) VALUES (?, ?, ?, ?, ?, ?)',
    facts.root,
    facts.id,
    facts.manifest,
    created ?? null,
    size,
    JSON.stringify(facts.labels),
  )
  return facts
}

/** A config's time; undefined when it names none, or the epoch's beginning, which means none. */
export function createdTime(config: ImageConfig): number | undefined {
  const time = config.created === undefined ? Number.NaN : Date.parse(config.created)
  return time > 0 ? time : undefined
}

function factsOf({ created, labels, ...row }: Row): ImageFacts {
  return { ...row, labels: JSON.parse(labels) as Record<string, string>, ...(created !== null && { created }) }
}

export function noSuchImage(ref: string): never {
  fail('not_found', `no such image: ${ref}`, {
    hint: "see 'cairn images'; bring one with 'cairn load', 'cairn import' or 'cairn build'",
  })
}
