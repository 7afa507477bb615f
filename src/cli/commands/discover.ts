import { fail } from '#base'
import type { DiscoveredImage } from '#engine'
import type { Descriptor } from '#oci'
import { command, type Command, type Context, type Options, type Values } from '../command.ts'
import { listing, printEach, printList } from '../format/list.ts'
import { print } from '../output.ts'

type Referrers = DiscoveredImage['referrers']

const flags = {
  'artifact-type': { type: 'string', help: 'Only what is of this type' },
  insecure: { type: 'boolean', help: 'Allow plain HTTP and certificates that are not valid' },
  platform: { type: 'string', help: 'Of an index, the image for this platform' },
} as const satisfies Options

const COLUMNS = [
  { heading: 'DIGEST', field: 'Digest' },
  { heading: 'ARTIFACT TYPE', field: 'ArtifactType' },
  { heading: 'SIZE', field: 'Size' },
]

export const discover: Command = command({
  usage: '[OPTIONS] NAME[:TAG|@DIGEST]',
  summary: 'Show the tree of what refers to an image: signatures, SBOMs, attestations',
  options: {
    ...flags,
    depth: { type: 'string', value: 'int', help: 'Levels of the tree (default all)' },
    format: {
      type: 'string',
      help: "Format output: 'tree', 'json' or a Go template",
      complete: ['tree', 'json'],
    },
    verbose: { type: 'boolean', short: 'v', help: 'Show annotations, too' },
  },
  min: 1,
  max: 1,
  completes: 'image',
  run: async (context, values, [name]) => {
    const image = await found(context, name!, values, depthOf(values.depth))
    const place = placeOf(name!)
    const { format = 'tree' } = values
    if (format === 'tree') {
      print(`${place}@${image.subject.digest}`)
      for (const line of branches(image.referrers, values.verbose === true)) print(line)
    } else if (format === 'json') print(JSON.stringify(treeOf(image.subject, image.referrers, place), undefined, 2))
    else printEach([treeOf(image.subject, image.referrers, place)], format)
  },
})

export const referrers: Command = command({
  usage: '[OPTIONS] NAME[:TAG|@DIGEST]',
  summary: 'List what refers to an image',
  options: {
    ...flags,
    ...listing,
    quiet: { type: 'boolean', short: 'q', help: 'Only digests' },
  },
  min: 1,
  max: 1,
  completes: 'image',
  run: async (context, values, [name]) => {
    const image = await found(context, name!, values, 1)
    const rows = image.referrers.map(({ descriptor: d }) => ({
      Digest: d.digest,
      ArtifactType: oneLine(d.artifactType ?? ''),
      MediaType: d.mediaType,
      Size: d.size,
      Annotations: d.annotations ?? {},
    }))
    if (values.quiet) for (const row of rows) print(row.Digest)
    else printList(rows, COLUMNS, { format: values.format, json: values.json })
  },
})

async function found(
  context: Context,
  name: string,
  values: Values<typeof flags>,
  depth: number | undefined,
): Promise<DiscoveredImage> {
  const request = {
    ...(values['artifact-type'] === undefined ? {} : { artifactType: values['artifact-type'] }),
    ...(values.platform === undefined ? {} : { platform: values.platform }),
    ...(values.insecure ? { insecure: true } : {}),
    ...(depth === undefined ? {} : { depth }),
  }
  return (await context.node()).artifacts.discover(name, request, { signal: context.signal })
}

/** The lines below a node. */
function* branches(nodes: Referrers, verbose: boolean, indent = ''): Generator<string> {
  for (const [i, { descriptor: d, referrers: below }] of nodes.entries()) {
    const last = i === nodes.length - 1
    const inner = `${indent}${last ? '    ' : '│   '}`
    yield `${indent}${last ? '└── ' : '├── '}${oneLine(d.artifactType ?? d.mediaType)}`
    yield `${inner}└── ${d.digest}`
    if (verbose)
      for (const [key, value] of Object.entries(d.annotations ?? {}))
        yield `${inner}      ${oneLine(key)}: ${oneLine(value)}`
    yield* branches(below, verbose, `${inner}    `)
  }
}

/** As oras prints it: each node with its reference and what refers to it. */
function treeOf(d: Descriptor, below: Referrers, place: string): object {
  const { mediaType, digest, size, artifactType, annotations } = d
  return {
    reference: `${place}@${digest}`,
    mediaType,
    digest,
    size,
    ...(annotations ? { annotations } : {}),
    ...(artifactType === undefined ? {} : { artifactType }),
    referrers: below.map((node) => treeOf(node.descriptor, node.referrers, place)),
  }
}

/** The name without its tag or digest. */
function placeOf(name: string): string {
  return name.replace(/@[^@/]*$/, '').replace(/:[^:@/]*$/, '')
}

function depthOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  return /^[1-9]\d{0,2}$/.test(text) ? Number(text) : fail('invalid_argument', `--depth ${text}: a number from 1 on`)
}

/** What others wrote never moves a terminal's cursor. */
function oneLine(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}
