import type { Definitions } from '#bake'
import { print } from '../output.ts'
import { printList } from '../format/list.ts'

/** `bake --list=targets`: what can be asked for, groups included. */
export function listTargets({ targets, groups }: Definitions, json: boolean): void {
  const rows = [
    ...[...groups].map(([name, { description, targets: members }]) => ({
      name,
      description: description ?? members.join(', '),
      group: true,
    })),
    // A name that begins with "_" is there to be inherited.
    ...[...targets]
      .filter(([name]) => !name.startsWith('_'))
      .map(([name, { description = '' }]) => ({ name, description, group: false })),
  ].sort((a, b) => (a.name === 'default' ? -1 : b.name === 'default' ? 1 : a.name < b.name ? -1 : 1))
  if (json) return print(JSON.stringify(rows, undefined, 2))
  printList(
    rows.map(({ name, description }) => ({ name, description })),
    [
      { heading: 'TARGET', field: 'name' },
      { heading: 'DESCRIPTION', field: 'description' },
    ],
  )
}

export function listVariables({ variables }: Definitions, json: boolean): void {
  if (json) return print(JSON.stringify(variables, undefined, 2))
  printList(
    variables.map(({ name, type = '', value = '<null>', description = '' }) => ({ name, type, value, description })),
    [
      { heading: 'VARIABLE', field: 'name' },
      { heading: 'TYPE', field: 'type' },
      { heading: 'VALUE', field: 'value' },
      { heading: 'DESCRIPTION', field: 'description' },
    ],
  )
}
