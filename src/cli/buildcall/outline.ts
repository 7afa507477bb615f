import type { BuildOutline, OutlineMount } from '#engine'
import { columns } from './columns.ts'
import { document, locationOf, present, sourceData } from './json.ts'

/** As `docker build --call=outline` prints it. */
export function outlineText({ name, description, args, secrets, ssh }: BuildOutline): string {
  const target =
    name === undefined && description === undefined
      ? []
      : [columns([['TARGET:', name ?? '(default)'], ...(description ? [['DESCRIPTION:', description]] : [])], 1)]
  const tables = [
    table(
      ['BUILD ARG', 'VALUE', 'DESCRIPTION'],
      args.map((arg) => [arg.name, arg.value, arg.description ?? '']),
    ),
    table(['SECRET', 'REQUIRED'], secrets.map(mountRow)),
    table(['SSH', 'REQUIRED'], ssh.map(mountRow)),
  ]
  return [...target, ...tables.flat()].map((part) => `${part}\n`).join('')
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  return rows.length === 0 ? [] : [columns([head, ...rows], 3)]
}

function mountRow({ id, required }: OutlineMount): readonly string[] {
  return [id, required ? 'true' : '']
}

export function outlineJson({ source, name, description, args, secrets, ssh }: BuildOutline): string {
  const mount = ({ id, required, location }: OutlineMount): object =>
    present({ name: id, required, location: locationOf(location) })
  const list = (items: readonly object[]): readonly object[] | undefined => (items.length === 0 ? undefined : items)
  return document(
    present({
      name,
      description,
      args: list(
        args.map((arg) =>
          present({
            name: arg.name,
            description: arg.description,
            value: arg.value,
            location: locationOf(arg.location),
          }),
        ),
      ),
      secrets: list(secrets.map(mount)),
      ssh: list(ssh.map(mount)),
      sources: [sourceData(source)],
    }),
  )
}
