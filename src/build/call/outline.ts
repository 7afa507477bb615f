import type { Call, SourceLocation } from '#base'
import { attempt } from '../dockerfile/check/attempt.ts'
import { docComment } from '../dockerfile/doccomment.ts'
import { expand } from '../dockerfile/expand.ts'
import type { Instruction } from '../dockerfile/instruction.ts'
import { parseDockerfile } from '../dockerfile/parse.ts'
import type { FileSeen, InstructionSeen, PlanObserver, StageRow } from '../dockerfile/plan/observer.ts'
import { planBuild } from '../dockerfile/plan/plan.ts'
import { parseRunMount } from '../dockerfile/runmount.ts'
import type { Statement } from '../dockerfile/syntax.ts'
import type { BuildHost, BuildOptions } from '../types.ts'
import { ask, type Asked } from './source.ts'
import type { BuildOutline, OutlineArg, OutlineMount } from './types.ts'

/** Plans a target without building it, and tells what it can be given. */
export async function outlineBuild(host: BuildHost, options: BuildOptions, call?: Call): Promise<BuildOutline> {
  return await ask(host, options, (asked) => outline(asked, call), call)
}

async function outline({ source, options }: Asked, call?: Call): Promise<BuildOutline> {
  const stages = new Map<StageRow, StageOutline>()
  let globals: Globals = { args: new Map(), needs: new Map() }
  const of = (row: StageRow): StageOutline => {
    let stage = stages.get(row)
    if (!stage) stages.set(row, (stage = { args: new Map(), secrets: new Map(), ssh: new Map() }))
    return stage
  }
  const observer: PlanObserver = {
    file: (file) => (globals = globalArgs(file)),
    stage: (row) => useGlobals(of(row), namesIn(row.stage.from.image, row.stage.from.platform ?? ''), globals),
    after: (seen) => note(of(seen.row), seen, globals),
  }
  await planBuild(parseDockerfile(source.text, source.name), { ...options, observer }, call)
  // The target is the last of the stages that it needs; what it says goes before what they say.
  const rows = [...stages].toSorted(([a], [b]) => b.stage.index - a.stage.index)
  const all = rows.map(([, stage]) => stage)
  return {
    source,
    ...target(rows[0]![0]),
    args: merged(all.map(({ args }) => args)),
    secrets: merged(all.map(({ secrets }) => secrets)),
    ssh: merged(all.map(({ ssh }) => ssh)),
  }
}

interface StageOutline {
  readonly args: Map<string, OutlineArg>
  readonly secrets: Map<string, OutlineMount>
  readonly ssh: Map<string, OutlineMount>
}

/** The arguments above the first FROM, and which others their defaults name. */
interface Globals {
  readonly args: ReadonlyMap<string, OutlineArg>
  readonly needs: ReadonlyMap<string, ReadonlySet<string>>
}

function globalArgs({ globalArgs: instructions, global }: FileSeen): Globals {
  const args = new Map<string, OutlineArg>()
  const needs = new Map<string, ReadonlySet<string>>()
  for (const { statement, args: declared } of instructions)
    for (const { key, value = '' } of declared) {
      args.set(key, argument(statement, key, global.get(key)))
      // One that is declared again, by its old value, needs what that needed.
      const names = namesIn(value)
      needs.set(key, names.has(key) ? names.union(needs.get(key) ?? new Set()) : names)
    }
  return { args, needs }
}

function useGlobals(stage: StageOutline, names: ReadonlySet<string>, globals: Globals): void {
  for (const name of names) {
    const arg = globals.args.get(name)
    if (!arg || stage.args.has(name)) continue
    stage.args.set(name, arg)
    useGlobals(stage, globals.needs.get(name) ?? new Set(), globals)
  }
}

function note(stage: StageOutline, seen: InstructionSeen, globals: Globals): void {
  const { instruction, state, buildArgs, global } = seen
  if (instruction.name === 'RUN') return noteMounts(stage, instruction, seen.expand)
  if (instruction.name !== 'ARG') return
  for (const { key, value } of instruction.args)
    if (value === undefined && !buildArgs.has(key) && global.has(key)) useGlobals(stage, new Set([key]), globals)
    else stage.args.set(key, argument(instruction.statement, key, state.variables.get(key)))
}

function noteMounts(
  { secrets, ssh }: StageOutline,
  { mounts, statement: { location } }: Extract<Instruction, { name: 'RUN' }>,
  word: (text: string) => string,
): void {
  for (const text of mounts) {
    const { type, id, source, target, required } = parseRunMount(text, word)
    if (type === 'secret')
      remember(secrets, { id: source || id || (target ?? '').split('/').at(-1)!, required, location })
    if (type === 'ssh') remember(ssh, { id: id || 'default', required, location })
  }
}

/** Required where any of its mounts requires it. */
function remember(known: Map<string, OutlineMount>, mount: OutlineMount): void {
  const before = known.get(mount.id)
  known.set(mount.id, before ? { ...before, required: before.required || mount.required } : mount)
}

function argument(statement: Statement, name: string, value: string | undefined): OutlineArg {
  const description = docComment(statement, name)
  return {
    name,
    value: value ?? '',
    ...(description === undefined ? {} : { description }),
    location: statement.location,
  }
}

function target({ stage: { from } }: StageRow): Pick<BuildOutline, 'name' | 'description'> {
  const { stage: name, statement } = from
  if (name === undefined) return {}
  const description = docComment(statement, name)
  return { name, ...(description === undefined ? {} : { description }) }
}

/** The variables that words name. */
function namesIn(...words: readonly string[]): ReadonlySet<string> {
  const names = new Set<string>()
  for (const word of words) attempt(() => expand(word, (name) => (names.add(name), '')))
  return names
}

/** By the lines where they stand; of several of one name the first map's. */
function merged<T extends { readonly location: SourceLocation }>(
  maps: readonly ReadonlyMap<string, T>[],
): readonly T[] {
  const all = new Map(maps.toReversed().flatMap((map) => [...map]))
  return [...all.values()].toSorted((a, b) => a.location.line - b.location.line)
}
