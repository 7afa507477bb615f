import { evaluate, withNames, type Scope } from '../hcl/evaluate.ts'
import { failAt } from '../hcl/source.ts'
import type { Attribute, Block } from '../hcl/syntax.ts'
import { asText, isList, isMap, type Value } from '../hcl/value.ts'
import type { Group, Target } from '../types.ts'
import { FIELDS, isField, isName, readField } from './fields.ts'
import { merge } from './merge.ts'
import type { Workspace } from './workspace.ts'

/** Targets that a matrix makes are many: an accident must not become millions. */
const MOST = 10_000

export interface Blocks {
  readonly targets: ReadonlyMap<string, Target>
  readonly groups: ReadonlyMap<string, Group>
}

/** Evaluates all targets and groups, over those before. A target with a matrix becomes a group of what it makes. */
export function evaluateBlocks(workspace: Workspace, before?: Blocks): Blocks {
  const targets = new Map(before?.targets)
  const groups = new Map(before?.groups)
  for (const [label, blocks] of workspace.blocks.target) {
    const made = blocks.flatMap((block) => variants(block, workspace))
    for (const { name, target } of made) targets.set(name, merge(targets.get(name) ?? {}, target))
    const names = [...new Set(made.map(({ name }) => name))]
    if (names.length !== 1 || names[0] !== label) groups.set(label, { targets: names })
  }
  for (const [label, blocks] of workspace.blocks.group) {
    const all = blocks.map((block) => groupOf(block, workspace))
    const description = all.findLast((group) => group.description !== undefined)?.description
    groups.set(label, {
      targets: [...new Set(all.flatMap((group) => group.targets))],
      ...(description === undefined ? {} : { description }),
    })
  }
  return { targets, groups }
}

function variants(block: Block, scope: Workspace): { readonly name: string; readonly target: Target }[] {
  const label = block.labels[0]!
  const [matrix, name] = ['matrix', 'name'].map((wanted) => block.body.attributes.find((item) => item.name === wanted))
  for (const { at, type } of block.body.blocks)
    scope.ignore(at, `a target has no block ${JSON.stringify(type)}`, isField(type) ? `write ${type} = …` : undefined)
  for (const { at, name: member } of block.body.attributes)
    if (!isField(member) && member !== 'matrix' && member !== 'name')
      scope.ignore(at, `a target has no ${JSON.stringify(member)}`, nearest(member))
  if (!matrix) {
    if (name) failAt(name.at, 'only a target with a matrix has a name of its own')
    return [{ name: label, target: targetOf(block, scope) }]
  }
  if (!name) return failAt(matrix.at, 'a target with a matrix needs a name', `name = "${label}-\${…}"`)
  const made = combinations(matrix, scope).map((names) => {
    const own = withNames(scope, names)
    return { name: nameOf(name, own), target: targetOf(block, own) }
  })
  const twice = made.find((one, i) => made.findIndex((other) => other.name === one.name) !== i)
  if (twice) failAt(name.at, `two targets of the matrix are named ${JSON.stringify(twice.name)}`)
  return made
}

function nameOf({ value, at }: Attribute, scope: Scope): string {
  const name = asText(evaluate(value, scope))
  if (name === undefined || !isName(name))
    return failAt(
      at,
      `invalid name ${JSON.stringify(name)}: only letters, digits, "_" and "-" are allowed`,
      'sanitize() mends it',
    )
  return name
}

function combinations({ value, at }: Attribute, scope: Scope): Record<string, Value>[] {
  const axes = evaluate(value, scope)
  if (!isMap(axes)) return failAt(at, 'a matrix is an object of lists')
  let rows: Record<string, Value>[] = [{}]
  for (const [key, values] of Object.entries(axes).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!isList(values)) return failAt(at, `the axis ${JSON.stringify(key)} of a matrix is a list`)
    if (rows.length * values.length > MOST) return failAt(at, `the matrix makes more than ${MOST} targets`)
    rows = values.flatMap((item) => rows.map((row) => ({ ...row, [key]: item })))
  }
  return rows
}

function targetOf(block: Block, scope: Scope): Target {
  const members = block.body.attributes.flatMap(({ name, value, at }) =>
    isField(name) ? [[name, readField(name, evaluate(value, scope), at)] as const] : [],
  )
  return Object.fromEntries(members.filter(([, value]) => value !== undefined))
}

/** Compose's plural, or what the flag is called. */
function nearest(name: string): string | undefined {
  const known = Object.keys(FIELDS)
  const close = known.find(
    (field) => field.startsWith(name.slice(0, 4)) || field.replace(/s$/, '') === name.replace(/s$/, ''),
  )
  return close === undefined ? undefined : `did you mean ${close}?`
}

function groupOf(block: Block, scope: Workspace): Group {
  const read = (wanted: string): Value => {
    const attribute = block.body.attributes.find(({ name }) => name === wanted)
    return attribute ? evaluate(attribute.value, scope) : null
  }
  for (const { name, at } of block.body.attributes)
    if (name !== 'targets' && name !== 'description')
      scope.ignore(at, `a group has no ${JSON.stringify(name)}`, 'targets, description')
  for (const { type, at } of block.body.blocks) scope.ignore(at, `a group has no block ${JSON.stringify(type)}`)
  const targets = read('targets')
  if (targets !== null && !isList(targets)) failAt(block.at, 'the targets of a group are a list')
  const description = asText(read('description'))
  return {
    targets: ((targets ?? []) as readonly Value[]).map(
      (name) => asText(name) ?? failAt(block.at, 'a target is named by a string'),
    ),
    ...(description === undefined ? {} : { description }),
  }
}
