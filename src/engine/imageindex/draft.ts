import { fail, streamOf, type Call } from '#base'
import { unionProvider, type ContentProvider, type Database } from '#content'
import { encodeIndex } from '#image'
import { formatReference, isDigest, parseReference, withDefaultTag } from '#oci'
import type { Descriptor, EncodedDocument, Platform } from '#oci'
import type { Parts } from '../parts.ts'
import { hasTransport } from '../transport/location.ts'
import type { Drafts } from './types.ts'
import { lenders, indexType } from './edit.ts'
import { openMembers } from './members.ts'
import { openDestination } from '../transport/open.ts'

const SCHEMA = `
CREATE TABLE IF NOT EXISTS manifest_list (
  name TEXT PRIMARY KEY,      -- docker.io/library/app:latest
  entries TEXT NOT NULL       -- JSON: [{source, descriptor, insecure?}], in order
) STRICT, WITHOUT ROWID;`

interface Entry {
  /** The image as it was named, normalised. */
  readonly source: string
  readonly descriptor: Descriptor
  readonly insecure?: boolean
}

/** Docker's manifest lists: gathered here, image by image, until they are pushed. */
export function drafts(parts: Parts): Drafts {
  const { db } = parts
  db.schema(SCHEMA)
  return {
    async create(list, sources, { amend, insecure } = {}, call) {
      const name = fullName(list)
      if (!amend && read(db, name))
        fail('already_exists', `refusing to amend an existing manifest list with no --amend flag: ${list}`)
      const added: Entry[] = []
      for (const source of sources) {
        await using stack = new AsyncDisposableStack()
        const request = { sources: [source], ...(insecure ? { insecure } : {}) }
        const { entries } = await openMembers(parts, request, stack, call)
        for (const descriptor of entries)
          added.push({ source: sourceName(source), descriptor, ...(insecure ? { insecure } : {}) })
      }
      db.immediate(() => {
        const known = (read(db, name) ?? []).filter(
          (e) => !added.some((a) => a.descriptor.digest === e.descriptor.digest),
        )
        write(db, name, [...known, ...added])
      })
      return name
    },
    async annotate(list, image, platform) {
      const name = fullName(list)
      db.immediate(() => {
        const entries = read(db, name) ?? missing(list)
        const found = entries.filter((e) => e.descriptor.digest === image || e.source === sourceName(image))
        if (found.length === 0) fail('not_found', `manifest for image ${image} does not exist in ${list}`)
        if (found.length > 1)
          fail('invalid_argument', `${image} stands for ${found.length} entries of ${list}`, {
            hint: `say which by digest: ${found.map((e) => e.descriptor.digest).join(', ')}`,
          })
        write(
          db,
          name,
          entries.map((e) => (e === found[0] ? withPlatform(e, platform) : e)),
        )
      })
    },
    async document(list) {
      const entries = read(db, fullName(list))
      return entries && encoded(entries)
    },
    async push(list, { purge, insecure } = {}, call) {
      const name = fullName(list)
      const entries = read(db, name) ?? missing(list)
      const pushed = await push(parts, name, entries, insecure ?? false, call)
      if (purge) remove(db, name)
      return pushed
    },
    async remove(list) {
      if (!remove(db, fullName(list))) missing(list)
    },
  }
}

async function push(
  parts: Parts,
  name: string,
  entries: readonly Entry[],
  insecure: boolean,
  call?: Call,
): Promise<Descriptor> {
  await using stack = new AsyncDisposableStack()
  const members = []
  for (const [source, of] of Map.groupBy(entries, (e) => e.source)) {
    const trusting = of.some((e) => e.insecure)
    members.push(await openMembers(parts, { sources: [source], ...(trusting ? { insecure: true } : {}) }, stack, call))
  }
  const index = await encoded(entries)
  const root = index.descriptor
  const own: ContentProvider = {
    has: async ({ digest }) => digest === root.digest,
    open: async () => streamOf(index.bytes),
  }
  const content = unionProvider(own, ...members.map((m) => m.content))
  const destination = stack.use(await openDestination(parts, `docker://${name}`, insecure ? { insecure: true } : {}))
  const mountFrom = members.flatMap((m) => lenders(destination, m))
  await destination.receive({ root, from: { ...content, resolve: async () => root } }, { ...call, mountFrom })
  return root
}

function encoded(entries: readonly Entry[]): Promise<EncodedDocument> {
  const manifests = entries.map((e) => e.descriptor)
  return encodeIndex({ mediaType: indexType({}, manifests), manifests })
}

function withPlatform(entry: Entry, platform: Partial<Platform>): Entry {
  const { descriptor } = entry
  const whole = { architecture: '', os: '', ...descriptor.platform, ...platform }
  return { ...entry, descriptor: { ...descriptor, platform: whole } }
}

function fullName(list: string): string {
  return formatReference(withDefaultTag(parseReference(list)))
}

/** An image named twice in two ways is the same. */
function sourceName(name: string): string {
  return hasTransport(name) || isDigest(name) ? name : `docker://${fullName(name)}`
}

function read(db: Database, name: string): readonly Entry[] | undefined {
  const row = db.get<{ entries: string }>('SELECT entries FROM manifest_list WHERE name = ?', name)
  return row && (JSON.parse(row.entries) as readonly Entry[])
}

function write(db: Database, name: string, entries: readonly Entry[]): void {
  db.run('INSERT OR REPLACE INTO manifest_list VALUES (?, ?)', name, JSON.stringify(entries))
}

function remove(db: Database, name: string): boolean {
  return db.immediate(() => {
    const known = read(db, name) !== undefined
    db.run('DELETE FROM manifest_list WHERE name = ?', name)
    return known
  })
}

function missing(list: string): never {
  return fail('not_found', `no such manifest list: ${list}`, { hint: "'cairn manifest create' makes one" })
}
