import { isCode, text } from '#base'
import { isIndex, parseIndex, type Descriptor } from '#oci'
import { command, type Command, type Context } from '../command.ts'
import { each } from '../each.ts'
import { platformFlags, platformOf } from '../flags/transfer.ts'
import { print, write } from '../output.ts'
import { transfer } from '../pulling.ts'

const insecure = { type: 'boolean', help: 'Allow plain HTTP and certificates that are not valid' } as const

interface Document {
  readonly descriptor: Descriptor
  readonly bytes: Uint8Array
}

export const manifestInspect: Command = command({
  usage: '[OPTIONS] [MANIFEST_LIST] MANIFEST',
  summary: 'Display a manifest or index: of a registry, a list made here, or any place that copy knows',
  options: {
    insecure,
    raw: { type: 'boolean', help: 'The bytes as they are, to which the digest belongs' },
    verbose: { type: 'boolean', short: 'v', help: 'Output descriptors and, of an index, each manifest as well' },
  },
  min: 1,
  max: 2,
  completes: 'image',
  run: async (context, values, words) => {
    const trust = values.insecure === true
    const name = words.at(-1)!
    const document = await documentOf(context, words, trust)
    if (values.raw) write(1, document.bytes)
    else if (values.verbose) print(json(await verbose(context, name, document, trust)))
    else print(json(JSON.parse(text(document.bytes))))
  },
})

export const manifestCreate: Command = command({
  usage: '[OPTIONS] MANIFEST_LIST MANIFEST [MANIFEST...]',
  summary: 'Create a local manifest list, to be annotated and pushed',
  options: { amend: { type: 'boolean', short: 'a', help: 'Amend an existing manifest list' }, insecure },
  min: 2,
  completes: 'image',
  run: async (context, values, [list, ...images]) => {
    const { drafts } = (await context.node()).indexes
    const options = { ...(values.amend ? { amend: true } : {}), ...(values.insecure ? { insecure: true } : {}) }
    print(`Created manifest list ${await drafts.create(list!, images, options, { signal: context.signal })}`)
  },
})

export const manifestAnnotate: Command = command({
  usage: '[OPTIONS] MANIFEST_LIST MANIFEST',
  summary: 'Add platform information to an image of a local manifest list',
  options: platformFlags,
  min: 2,
  max: 2,
  run: async (context, values, [list, image]) =>
    (await context.node()).indexes.drafts.annotate(list!, image!, platformOf(values) ?? {}),
})

export const manifestPush: Command = command({
  usage: '[OPTIONS] MANIFEST_LIST',
  summary: 'Push a manifest list to its repository, with its images',
  options: { insecure, purge: { type: 'boolean', short: 'p', help: 'Remove the local manifest list after push' } },
  min: 1,
  max: 1,
  run: async (context, values, [list]) => {
    const { drafts } = (await context.node()).indexes
    using shown = transfer({ quiet: false, done: 'Pushed', title: 'Pushing', out: print })
    const options = { ...(values.purge ? { purge: true } : {}), ...(values.insecure ? { insecure: true } : {}) }
    const { digest } = await drafts.push(list!, options, { signal: context.signal, progress: shown.report })
    shown.end()
    print(digest)
  },
})

export const manifestRm: Command = command({
  usage: 'MANIFEST_LIST [MANIFEST_LIST...]',
  summary: 'Delete one or more local manifest lists',
  options: {},
  min: 1,
  run: async (context, _, lists) => {
    const { drafts } = (await context.node()).indexes
    return each(context, lists, (list) => drafts.remove(list))
  },
})

/** A list that is made here is shown as it would be pushed; of two names the second lies in the first. */
async function documentOf(context: Context, words: readonly string[], trust: boolean): Promise<Document> {
  const [first, second] = words
  const node = await context.node()
  const call = { signal: context.signal }
  const draft = await drafted(context, first!)
  if (second === undefined) return draft ?? node.registries.manifest(first!, { insecure: trust }, call)
  const image = await node.registries.manifest(second, { insecure: trust }, call)
  const list = draft ?? (await node.registries.manifest(first!, { insecure: trust }, call))
  const { manifests } = parseIndex(list.bytes, list.descriptor.mediaType)
  if (!manifests.some((d) => d.digest === image.descriptor.digest)) throw new Error(`${second} is not in ${first}`)
  return image
}

async function drafted(context: Context, name: string): Promise<Document | undefined> {
  try {
    return await (await context.node()).indexes.drafts.document(name)
  } catch (error) {
    // A name with a transport is none of a list.
    if (isCode(error, 'invalid_argument')) return undefined
    throw error
  }
}

/** Docker's shape: an object for an image, a list for an index. */
async function verbose(context: Context, name: string, document: Document, trust: boolean): Promise<object> {
  const { descriptor, bytes } = document
  if (!isIndex(descriptor.mediaType)) return described(name, document)
  const { registries } = await context.node()
  const all: object[] = []
  for (const entry of parseIndex(bytes, descriptor.mediaType).manifests) {
    const member = await registries.manifest(name, { insecure: trust, entry }, { signal: context.signal })
    all.push(described(`${withoutTag(name)}@${entry.digest}`, member))
  }
  return all
}

function withoutTag(name: string): string {
  return name.replace(/(?:@[^@/]*|:[^:@/]*)$/, '')
}

function described(ref: string, { descriptor, bytes }: Document): object {
  const kind = descriptor.mediaType.startsWith('application/vnd.docker.') ? 'SchemaV2Manifest' : 'OCIManifest'
  return {
    Ref: ref,
    Descriptor: descriptor,
    Raw: bytes.toBase64(),
    [kind]: JSON.parse(text(bytes)) as object,
  }
}

function json(value: unknown): string {
  return JSON.stringify(value, undefined, '\t')
}
