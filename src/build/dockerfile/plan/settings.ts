import { fail } from '#base'
import type { ArgInstruction, CommandInstruction, PairsInstruction, SettingInstruction } from '../instruction.ts'
import { parseExposed } from './expose.ts'
import { shellArgs } from './files.ts'
import { healthcheckText, listed, quotedList } from './history.ts'
import { setVariable, type BuildArgs, type expander, type Variables } from './scope.ts'
import { checkSignal } from './signal.ts'
import { addTo, setEnv, type StageState } from './state.ts'

export interface SettingContext {
  readonly state: StageState
  readonly expand: ReturnType<typeof expander>
  readonly words: (word: string) => readonly string[]
  readonly buildArgs: BuildArgs
  readonly global: Variables
}

/** Instructions that change the config and the variables, and no file. */
export function applySetting(instruction: SettingInstruction, context: SettingContext): void {
  const message = change(instruction, context)
  if (message !== undefined) context.state.history.push({ created_by: message, empty_layer: true })
}

/** Makes the change; answers with the text for history. */
function change(instruction: SettingInstruction, context: SettingContext): string | undefined {
  const { state, expand: word } = context
  const { config } = state
  switch (instruction.name) {
    case 'ARG':
      return applyArg(instruction, context)
    case 'ENV':
    case 'LABEL':
      return applyPairs(instruction, context)
    case 'CMD':
    case 'ENTRYPOINT':
      return applyCommand(instruction, state)
    case 'EXPOSE':
      return applyExpose(instruction.ports, context)
    case 'VOLUME': {
      const paths = instruction.paths.map((path) => word(path))
      if (paths.includes('')) fail('invalid_argument', 'VOLUME cannot be an empty string')
      addTo(
        config,
        'Volumes',
        paths.map((path) => [path, {}]),
      )
      return `VOLUME ${listed(paths)}`
    }
    case 'USER':
      config.User = word(instruction.text)
      return `USER ${config.User}`
    case 'STOPSIGNAL':
      config.StopSignal = word(instruction.text)
      checkSignal(config.StopSignal)
      return `STOPSIGNAL ${config.StopSignal}`
    case 'MAINTAINER':
      state.author = instruction.text
      return `MAINTAINER ${instruction.text}`
    case 'SHELL':
      config.Shell = instruction.shell
      return `SHELL ${listed(instruction.shell)}`
    case 'HEALTHCHECK':
      config.Healthcheck = instruction.check
      return `HEALTHCHECK ${healthcheckText(instruction.check)}`
    case 'ONBUILD':
      config.OnBuild = [...(config.OnBuild ?? []), instruction.expression]
      return undefined
  }
}

/** From outside, else the default, else the scope above the first FROM. Each one sees those before it. */
function applyArg({ args }: ArgInstruction, { state, expand: word, buildArgs, global }: SettingContext): string {
  const shown = args.map(({ key, value: text }) => {
    const value = buildArgs.get(key) ?? (text === undefined ? global.get(key) : word(text))
    if (value !== undefined) setVariable(state.variables, key, value)
    if (!state.args.includes(key)) state.args.push(key)
    return value === undefined ? key : `${key}=${value}`
  })
  return `ARG ${shown.join(' ')}`
}

/** All values are expanded before the first is set. */
function applyPairs(instruction: PairsInstruction, { state, expand: word }: SettingContext): string {
  const pairs = instruction.pairs.map(({ key, value }) => [word(key), word(value)] as const)
  if (instruction.name === 'LABEL') addTo(state.config, 'Labels', pairs)
  else
    for (const [key, value] of pairs) {
      if (key === '') fail('invalid_argument', 'ENV names can not be blank')
      setVariable(state.variables, key, value)
      setEnv(state, key, value)
    }
  return [instruction.name, ...pairs.map(([key, value]) => `${key}=${value}`)].join(' ')
}

/** ENTRYPOINT clears a CMD that came from below; a CMD of this stage stays. */
function applyCommand({ name, command }: CommandInstruction, state: StageState): string {
  const args = command.form === 'exec' ? command.args : shellArgs(state, command.text)
  if (name === 'CMD') {
    state.config.Cmd = args.length > 0 ? args : null
    state.config.ArgsEscaped = true
    state.hasCmd = true
  } else {
    state.config.Entrypoint = args.length > 0 ? args : null
    if (!state.hasCmd) state.config.Cmd = null
  }
  return `${name} ${quotedList(args)}`
}

function applyExpose(ports: readonly string[], { state, words }: SettingContext): string {
  const exposed = ports.flatMap((port) => words(port)).flatMap(parseExposed)
  addTo(
    state.config,
    'ExposedPorts',
    exposed.map((port) => [port, {}]),
  )
  return `EXPOSE ${listed(exposed)}`
}
