import { fail, text } from '#base'
import type { EditedIndex, EditIndex } from '#engine'
import { command, type Command, type Options, type Values } from '../command.ts'
import { annotationsOf, listOf, platformFlags, platformOf } from '../flags/transfer.ts'
import { print, write } from '../output.ts'
import { transfer } from '../pulling.ts'

const shared = {
  'dry-run': { type: 'boolean', help: 'Print the index instead of writing it' },
  insecure: { type: 'boolean', help: 'Allow plain HTTP and certificates that are not valid' },
} as const satisfies Options

const editing = {
  ...shared,
  tag: { type: 'string', short: 't', help: 'Name of the changed index (default: its own)' },
} as const satisfies Options

const annotation = { type: 'string', multiple: true, value: 'key=value' } as const

export const indexCreate: Command = command({
  usage: '[OPTIONS] NAME IMAGE [IMAGE...]',
  summary: 'Make an index of images, and bring them to where it is',
  options: {
    ...shared,
    annotation: { ...annotation, help: 'Annotate the index' },
    'artifact-type': { type: 'string', help: 'Artifact type of the index' },
    'media-type': {
      type: 'string',
      help: "'oci' or 'docker' (default: docker where all images are)",
      complete: ['oci', 'docker'],
    },
    platform: { type: 'string', multiple: true, help: 'Of images that are indexes, these platforms alone' },
  },
  min: 2,
  completes: 'image',
  run: async (context, values, [name, ...sources]) => {
    const { 'media-type': mediaType, 'artifact-type': artifactType } = values
    if (mediaType !== undefined && mediaType !== 'oci' && mediaType !== 'docker')
      fail('invalid_argument', `--media-type ${mediaType}: oci or docker`)
    const node = await context.node()
    using shown = transfer({ quiet: false, done: 'Copied', title: 'Copying', out: noLine })
    const made = await node.indexes.create(
      name!,
      {
        ...targetOf(values),
        sources,
        annotations: annotationsOf(values.annotation ?? []),
        ...(artifactType === undefined ? {} : { artifactType }),
        ...(mediaType === undefined ? {} : { mediaType }),
        ...(values.platform ? { platforms: listOf(values.platform) } : {}),
      },
      { signal: context.signal, progress: shown.report },
    )
    shown.end()
    say(made, values)
  },
})

export const indexAdd: Command = editor({
  usage: '[OPTIONS] NAME IMAGE [IMAGE...]',
  summary: 'Add images to an index',
  options: {
    annotation: { ...annotation, help: 'Annotate the new entries' },
    platform: { type: 'string', multiple: true, help: 'Of images that are indexes, these platforms alone' },
    replace: { type: 'boolean', help: 'Take the place of images for the same platforms' },
  },
  min: 2,
  edit: (values, sources) => ({
    add: {
      sources,
      ...(values.platform ? { platforms: listOf(values.platform) } : {}),
      ...(values.replace ? { replace: true } : {}),
      ...(values.annotation ? { annotations: annotationsOf(values.annotation) } : {}),
    },
  }),
})

export const indexRemove: Command = editor({
  usage: '[OPTIONS] NAME DIGEST|PLATFORM [DIGEST|PLATFORM...]',
  summary: 'Remove images from an index, and what is attached to them inside it',
  options: {},
  min: 2,
  edit: (_, remove) => ({ remove }),
})

export const indexFilter: Command = editor({
  usage: '[OPTIONS] NAME PLATFORM [PLATFORM...]',
  summary: 'Keep the images for some platforms, and what is attached to them inside the index',
  options: {},
  min: 2,
  edit: (_, platforms) => ({ keep: listOf(platforms) }),
})

export const indexAnnotate: Command = editor({
  usage: '[OPTIONS] NAME [DIGEST|PLATFORM]',
  summary: 'Annotate an index, or one image in it',
  options: {
    ...platformFlags,
    annotation: { ...annotation, help: 'Set an annotation' },
    'remove-annotation': { type: 'string', multiple: true, value: 'key', help: 'Remove an annotation' },
  },
  min: 1,
  max: 2,
  edit: (values, [entry]) => {
    const platform = platformOf(values)
    if (platform && entry === undefined)
      fail('invalid_argument', 'an index has no platform: name one of its images by digest or platform')
    const gone = Object.fromEntries((values['remove-annotation'] ?? []).map((key) => [key, undefined]))
    const annotations = { ...annotationsOf(values.annotation ?? []), ...gone }
    if (!platform && Object.keys(annotations).length === 0) fail('invalid_argument', 'nothing to annotate with')
    return { note: { annotations, ...(entry === undefined ? {} : { entry }), ...(platform ? { platform } : {}) } }
  },
})

/** A command that changes an index: NAME comes first, and where the result goes is the same for all. */
function editor<const O extends Options>(spec: {
  readonly usage: string
  readonly summary: string
  readonly options: O
  readonly min: number
  readonly max?: number
  readonly edit: (values: Values<O>, words: readonly string[]) => EditIndex
}): Command {
  return command<O & typeof editing>({
    ...spec,
    options: { ...editing, ...spec.options },
    completes: 'image',
    run: async (context, values, [name, ...words]) => {
      const change = spec.edit(values as Values<O>, words)
      const own = values as Values<typeof editing>
      const node = await context.node()
      using shown = transfer({ quiet: false, done: 'Copied', title: 'Copying', out: noLine })
      const to = own.tag === undefined ? {} : { to: own.tag }
      const request = { ...change, ...targetOf(own), ...to }
      const changed = await node.indexes.edit(name!, request, { signal: context.signal, progress: shown.report })
      shown.end()
      say(changed, own)
    },
  })
}

function targetOf(values: Values<typeof shared>): { readonly dryRun?: boolean; readonly insecure?: boolean } {
  return { ...(values['dry-run'] ? { dryRun: true } : {}), ...(values.insecure ? { insecure: true } : {}) }
}

function say({ name, root, bytes }: EditedIndex, values: Values<typeof shared>): void {
  if (values['dry-run']) write(1, text(bytes).replace(/\n?$/, '\n'))
  else print(`${name}: digest: ${root.digest} size: ${root.size}`)
}

function noLine(): void {}
