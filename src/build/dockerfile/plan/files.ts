import type { NetworkMode, Vertex } from '../../types.ts'
import type { BuildVertex, Definition, RunDefinition } from '../../ops/definition.ts'
import { cleanPath } from '../../source/cleanpath.ts'
import { vertex } from '../../solver/vertex.ts'
import { heredocText, parseMark } from '../heredoc.ts'
import type { RunInstruction, WorkdirInstruction } from '../instruction.ts'
import type { expander } from './scope.ts'
import type { StageState } from './state.ts'
import { workdirAfter } from './state.ts'

/** What the instructions that make layers need besides the stage's state. */
export interface LayerContext {
  readonly state: StageState
  readonly expand: ReturnType<typeof expander>
  readonly epoch: number | undefined
  readonly network: NetworkMode
  readonly proxy: readonly string[]
  /** `[build 2/5] RUN make`. */
  readonly name: (text: string) => string
}

const DEFAULT_SHELL = ['/bin/sh', '-c']

/** An argument vector, text behind the stage's shell. */
export function shellArgs(state: StageState, text: string): string[] {
  const shell = state.config.Shell
  return [...(shell && shell.length > 0 ? shell : DEFAULT_SHELL), text]
}

/** Adds a vertex over the stage's stack. */
export function push(
  context: LayerContext,
  def: Definition,
  others: readonly BuildVertex[],
  about: Pick<Vertex, 'name' | 'location' | 'internal'>,
): void {
  const { state } = context
  state.vertex = vertex<Definition>(def, [...(state.vertex ? [state.vertex] : []), ...others], about)
}

export function layered({ state, epoch }: LayerContext): { readonly below: boolean; readonly epoch?: number } {
  return { below: state.vertex !== undefined, ...(epoch === undefined ? {} : { epoch }) }
}

export function applyRun(instruction: RunInstruction, context: LayerContext): void {
  const { state, expand } = context
  const { statement } = instruction
  const { args, files, summary } = runCommand(instruction, state)
  const shown = attempt(() => expand(statement.text, { rawQuotes: true, keepUnset: true }), statement.text) + summary
  push(
    context,
    {
      op: 'run',
      ...layered(context),
      args,
      env: [...state.variables].map(([key, value]) => `${key}=${value}`),
      proxy: context.proxy,
      cwd: cleanPath(state.config.WorkingDir || '/'),
      user: state.config.User ?? '',
      network: (instruction.network as NetworkMode | undefined) ?? context.network,
      platform: `${state.platform.os}/${state.platform.architecture}`,
      files,
    },
    [],
    { name: context.name(shown), location: statement.location },
  )
  const values = new Map(state.args.map((key) => [key, state.variables.get(key) ?? '']))
  const shownArgs = values.size > 0 ? [`|${values.size}`, ...[...values].map(([key, value]) => `${key}=${value}`)] : []
  state.history.push({ created_by: `RUN ${[...shownArgs, ...args].join(' ')} # buildkit` })
}

interface RunCommand {
  readonly args: readonly string[]
  readonly files: RunDefinition['files']
  readonly summary: string
}

/** One heredoc alone is the script; with `#!` it is run as a file; anything else is the shell's business. */
function runCommand({ command, statement }: RunInstruction, state: StageState): RunCommand {
  if (command.form === 'exec') return { args: command.args, files: [], summary: '' }
  const [heredoc] = statement.heredocs
  if (!heredoc) return { args: shellArgs(state, command.text), files: [], summary: '' }
  if (!parseMark(command.text)) {
    const bodies = statement.heredocs.map(({ content, name }) => `\n${content}${name}`)
    return { args: shellArgs(state, command.text + bodies.join('')), files: [], summary: '' }
  }
  const text = heredocText(heredoc)
  const [line = '', ...more] = text.trim().split(/\r?\n/)
  const summary = ` (${line}${more.length > 0 ? '...' : ''})`
  if (!text.startsWith('#!')) return { args: shellArgs(state, text), files: [], summary }
  const path = `/dev/pipes/${heredoc.name}`
  return { args: shellArgs(state, path), files: [{ path, mode: 0o755, text }], summary }
}

export function applyWorkdir(instruction: WorkdirInstruction, context: LayerContext): void {
  const { state, expand } = context
  const { statement } = instruction
  const workdir = workdirAfter(state.config.WorkingDir || '/', expand(instruction.text))
  state.config.WorkingDir = workdir
  if (workdir !== '/')
    push(context, { op: 'mkdir', ...layered(context), path: cleanPath(workdir), user: state.config.User ?? '' }, [], {
      name: context.name(`WORKDIR ${workdir}`),
      location: statement.location,
    })
  state.history.push({ created_by: `WORKDIR ${workdir}`, ...(workdir === '/' ? { empty_layer: true } : {}) })
}

/** What `work` gives, or `otherwise` where it fails: for names, which say what they can. */
export function attempt(work: () => string, otherwise: string): string {
  try {
    return work()
  } catch {
    return otherwise
  }
}
