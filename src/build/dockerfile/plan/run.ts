import { fail } from '#base'
import type { RunDefinition } from '../../ops/definition.ts'
import { cleanPath } from '../../source/cleanpath.ts'
import type { NetworkMode } from '../../types.ts'
import { heredocText, parseMark } from '../heredoc.ts'
import type { RunInstruction } from '../instruction.ts'
import type { CopyFrom } from './copy.ts'
import { attempt, layered, push, shellArgs, type LayerContext } from './files.ts'
import { planMount } from './mounts.ts'
import type { StageState } from './state.ts'
import type { StepDefaults } from './stepdefaults.ts'

/** RUN; `sources` are what its mounts read, in their order; `undefined` for those that read nothing. */
export function applyRun(
  instruction: RunInstruction,
  sources: readonly (CopyFrom | undefined)[],
  context: LayerContext,
): void {
  const { state, expand, steps } = context
  const { statement, insecure } = instruction
  const network = (instruction.network as NetworkMode | undefined) ?? steps.network
  checkAllowed(instruction, steps)
  const { args, files, summary } = runCommand(instruction, state)
  const shown = attempt(() => expand(statement.text, { rawQuotes: true, keepUnset: true }), statement.text) + summary
  const mounts = instruction.mounts.map((text, i) => planMount(text, sources[i], context))
  push(
    context,
    {
      op: 'run',
      ...layered(context),
      args,
      env: [...state.variables].map(([key, value]) => `${key}=${value}`),
      proxy: steps.proxy,
      cwd: cleanPath(state.config.WorkingDir || '/'),
      user: state.config.User ?? '',
      network,
      platform: `${state.platform.os}/${state.platform.architecture}`,
      files,
      ...(mounts.length > 0 ? { mounts } : {}),
      ...(instruction.devices.length > 0 ? { devices: instruction.devices } : {}),
      ...(insecure ? { insecure } : {}),
      ...steps.keyed,
    },
    sources.flatMap((source, i) => ('input' in mounts[i]! && source && 'vertex' in source ? source.vertex : [])),
    context.about(shown, statement),
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

/** What reaches out of the sandbox must have been allowed by whoever builds. */
function checkAllowed({ network, insecure }: RunInstruction, { allow }: StepDefaults): void {
  const missing = [
    ...(network === 'host' && !allow.has('network.host') ? ['network.host'] : []),
    ...(insecure && !allow.has('security.insecure') ? ['security.insecure'] : []),
  ]
  for (const name of missing)
    fail('permission_denied', `the step needs ${name}, which was not allowed`, { hint: `build with --allow ${name}` })
}
