import type { Layer, OpenedImage } from '#image'
import type { History, Platform, ProcessConfig } from '#oci'
import { cleanPath } from '../../source/cleanpath.ts'
import type { BuildVertex } from '../../ops/definition.ts'
import { setVariable, type Variables } from './scope.ts'

export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** A history entry in the making: `created` comes at the end. `base` entries are the base image's own. */
export interface HistoryDraft extends History {
  readonly base?: boolean
}

/** Where a stage stands after some of its instructions. */
export interface StageState {
  /** The stack so far; absent on `scratch`. */
  vertex: BuildVertex | undefined
  platform: Platform
  /** ENV and ARG together: what words expand to and steps run with. */
  readonly variables: Variables
  /** ARGs in order, for history. */
  readonly args: string[]
  config: { -readonly [K in keyof ProcessConfig]: ProcessConfig[K] }
  /** Where each variable stands in the config's `Env`. */
  readonly envIndex: Map<string, number>
  author: string | undefined
  readonly history: HistoryDraft[]
  /** The base image's layers as its manifest lists them, from the base up. */
  readonly baseLayers: readonly Layer[]
  /** CMD was given in this stage. */
  hasCmd: boolean
}

/** An empty root. */
export function scratchState(platform: Platform): StageState {
  return begin({
    vertex: undefined,
    platform,
    variables: new Map(),
    args: [],
    config: { WorkingDir: '/' },
    envIndex: new Map(),
    author: undefined,
    history: [],
    baseLayers: [],
    hasCmd: false,
  })
}

export function imageState(image: OpenedImage, vertex: BuildVertex, platform: Platform): StageState {
  const { config } = image
  return begin({
    vertex,
    platform,
    variables: new Map(),
    args: [],
    config: { ...config.config },
    envIndex: new Map(),
    author: config.author,
    history: (config.history ?? []).map((entry) => ({ ...entry, base: true })),
    baseLayers: image.layers,
    hasCmd: false,
  })
}

/** A stage that begins where another one ended: all but its ONBUILD triggers. */
export function childState(parent: StageState): StageState {
  const { OnBuild: _, ...config } = parent.config
  return begin({
    ...parent,
    variables: new Map(parent.variables),
    args: [...parent.args],
    config: { ...config },
    envIndex: new Map(),
    history: [...parent.history],
    hasCmd: false,
  })
}

/** PATH is always there; what the config says goes before what an ARG of a parent stage said. */
function begin(state: StageState): StageState {
  const env = state.config.Env ?? []
  state.config.Env = env.some((item) => item.startsWith('PATH=')) ? [...env] : [...env, `PATH=${DEFAULT_PATH}`]
  for (const [i, item] of state.config.Env.entries()) {
    const equals = item.indexOf('=')
    const [name, value] = equals < 0 ? [item, ''] : [item.slice(0, equals), item.slice(equals + 1)]
    setVariable(state.variables, name, value)
    if (!state.envIndex.has(name)) state.envIndex.set(name, i)
  }
  for (const name of ['Labels', 'ExposedPorts', 'Volumes'] as const)
    if (state.config[name]) state.config = { ...state.config, [name]: { ...state.config[name] } }
  if (state.config.WorkingDir) state.config.WorkingDir = workdirAfter('/', state.config.WorkingDir)
  return state
}

/** Sets a variable of the config, in its place if it has one. The list is the state's own. */
export function setEnv({ config, envIndex }: StageState, name: string, value: string): void {
  const env = (config.Env ??= []) as string[]
  const at = envIndex.get(name) ?? env.length
  env[at] = `${name}=${value}`
  envIndex.set(name, at)
}

/** Adds to a map of the config, which is the state's own; any name is a name, `__proto__` as well. */
export function addTo(
  config: StageState['config'],
  map: 'Labels' | 'ExposedPorts' | 'Volumes',
  entries: Iterable<readonly [string, string | object]>,
): void {
  const target = (config[map] ??= {})
  for (const [name, value] of entries)
    Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true })
}

/** The config's working directory after `WORKDIR text`: an absolute text stays as it is written. */
export function workdirAfter(current: string, text: string): string {
  if (text.startsWith('/')) return text
  return text === '' ? current : cleanPath(`${current}/${text}`)
}
