import { fail } from '#base'
import { command, type Command } from '../command.ts'
import { each } from '../each.ts'
import { listing, printList } from '../format/list.ts'
import { ago, size, timestamp } from '../format/units.ts'
import { readInput } from '../input.ts'
import { print } from '../output.ts'
import { isTerminal } from '../terminal.ts'
import { toFile } from './save.ts'

const COLUMNS = [
  { heading: 'ID', field: 'ID' },
  { heading: 'KEY', field: 'Key' },
  { heading: 'OWNER', field: 'Owner' },
  { heading: 'MODE', field: 'Mode' },
  { heading: 'SIZE', field: 'Size' },
  { heading: 'LAST USED', field: 'LastUsed' },
]

export const cacheMountLs: Command = command({
  usage: '[OPTIONS]',
  summary: 'List what RUN --mount=type=cache keeps',
  options: {
    ...listing,
  },
  max: 0,
  run: async (context, values) => {
    const mounts = await (await context.node()).cacheMounts.list()
    printList(
      mounts.map((mount) => ({
        ID: mount.id,
        Namespace: mount.namespace,
        Key: mount.key.slice(0, 12),
        Owner: `${mount.uid}:${mount.gid}`,
        Mode: mount.mode.toString(8).padStart(4, '0'),
        Size: size(mount.size, 4),
        InUse: String(mount.inUse),
        CreatedAt: timestamp(mount.created),
        LastUsed: ago(mount.used),
        LastUsedAt: timestamp(mount.used),
      })),
      COLUMNS,
      { format: values.format, json: values.json },
    )
  },
})

export const cacheMountExport: Command = command({
  usage: 'ID|KEY FILE|-',
  summary: 'Write a cache mount to a tar archive',
  options: {},
  min: 2,
  max: 2,
  run: async (context, _values, [name, file]) => {
    if (file === '-' && isTerminal(1))
      fail('invalid_argument', 'cowardly refusing to write to a terminal', { hint: 'name a file, or redirect' })
    const node = await context.node()
    const tar = await node.cacheMounts.export(name!, compressionOf(file!), { signal: context.signal })
    await toFile(tar, file)
  },
})

/** By the file's name, as tar does with `-a`. */
function compressionOf(file: string): { readonly compression?: 'gzip' | 'zstd' } {
  if (!/\.(?:t?gz|t?zst)$/.test(file)) return {}
  return { compression: file.endsWith('gz') ? 'gzip' : 'zstd' }
}

export const cacheMountImport: Command = command({
  usage: '[OPTIONS] ID FILE|-',
  summary: 'Fill a cache mount from a tar archive',
  options: {
    gid: { type: 'string', value: 'int', help: "Group of its root, as in the Dockerfile (the archive's)" },
    mode: { type: 'string', help: "Mode of its root in octal, as in the Dockerfile (the archive's)" },
    namespace: { type: 'string', help: 'What BUILDKIT_CACHE_MOUNT_NS will be' },
    uid: { type: 'string', value: 'int', help: "User of its root, as in the Dockerfile (the archive's)" },
  },
  min: 2,
  max: 2,
  run: async (context, values, [id, file]) => {
    const node = await context.node()
    const mount = await node.cacheMounts.import(
      id!,
      readInput(file!),
      {
        ...(values.namespace === undefined ? {} : { namespace: values.namespace }),
        ...number('mode', values.mode, 8),
        ...number('uid', values.uid, 10),
        ...number('gid', values.gid, 10),
      },
      { signal: context.signal },
    )
    print(mount.key.slice(0, 12))
  },
})

function number(name: string, text: string | undefined, base: 8 | 10): object {
  if (text === undefined) return {}
  if (!(base === 8 ? /^[0-7]{1,4}$/ : /^\d{1,9}$/).test(text)) fail('invalid_argument', `invalid --${name} ${text}`)
  return { [name]: Number.parseInt(text, base) }
}

export const cacheMountRm: Command = command({
  usage: 'ID|KEY [ID|KEY...]',
  summary: 'Remove cache mounts',
  options: {},
  min: 1,
  run: async (context, _values, names) => {
    const node = await context.node()
    return each(context, names, (name) => node.cacheMounts.remove(name))
  },
})
