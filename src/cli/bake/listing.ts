import type { Definitions } from '#bake'
import { print } from '../output.ts'
import { printList } from '../format/list.ts'

/** `bake --list=targets`: what can be asked for, groups included. */
export function listTargets({ targets, groups }: Definitions, json: boolean): void {
  const rows = [
    ...[...groups].map(([name, { description, targets: members }]) => ({
      name,
      description: groupText(description, members.toSorted().join(', ')),
      group: true,
    })),
    ...[...targets].map(([name, { description }]) => ({ name, ...(description && { description }) })),
  ]
    // A name that begins with "_" is there to be inherited.
    .filter(({ name }) => !name.startsWith('_'))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  if (json) return print(JSON.stringify(rows, undefined, 2))
  printList(
    rows.map(({ name, description = '' }) => ({ name, description })),
    [
      { heading: 'TARGET', field: 'name' },
      { heading: 'DESCRIPTION', field: 'description' },
    ],
  )
}

/** A group is described by what is in it. */
function groupText(description: string | undefined, members: string): string {
  return description === undefined || members === '' ? (description ?? members) : `${description} (${members})`
}

/** `bake --list=variables`: what can be set, and what it is now. */
export function listVariables({ variables }: Definitions, json: boolean): void {
  const rows = variables
    .map(({ name, description, type, value }) => ({ name, description, type, value }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  if (json) return print(JSON.stringify(rows, undefined, 2))
  printList(
    rows.map(({ name, type = '', value = '<null>', description = '' }) => ({ name, type, value, description })),
    [
      { heading: 'VARIABLE', field: 'name' },
      { heading: 'TYPE', field: 'type' },
      { heading: 'VALUE', field: 'value' },
      { heading: 'DESCRIPTION', field: 'description' },
    ],
  )
}
