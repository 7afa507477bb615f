import { fail } from '#base'
import { addText, commandText, copyText, healthcheckText, runText, type NameOf } from './instructions.ts'
import { line, quotedWord, type Value } from './quote.ts'
import type { CopySource, ImageDefinition } from './types.ts'

/** A step, once it is known how the other stages are called. */
type Write = (nameOf: NameOf) => string

/** Begins a definition: at an image by reference, at `scratch`, or where another definition ends. */
export function image(from: string | ImageDefinition, options: { readonly platform?: string } = {}): ImageDefinition {
  if (typeof from !== 'string') return new Definition(from as Definition, [], options.platform)
  if (!/^\S+$/.test(from)) fail('invalid_argument', `${JSON.stringify(from)} is no image reference`)
  return new Definition(from, [], options.platform)
}

class Definition implements ImageDefinition {
  readonly #base: string | Definition
  readonly #steps: readonly Write[]
  readonly #platform: string | undefined

  constructor(base: string | Definition, steps: readonly Write[], platform: string | undefined) {
    this.#base = base
    this.#steps = steps
    this.#platform = platform
  }

  run: ImageDefinition['run'] = (command, options = {}) => this.#with((nameOf) => runText(command, options, nameOf))

  copy: ImageDefinition['copy'] = (sources, destination, options = {}) =>
    this.#with((nameOf) => copyText(listOf(sources), destination, options, nameOf))

  add: ImageDefinition['add'] = (sources, destination, options = {}) =>
    this.#with(() => addText(listOf(sources), destination, options))

  workdir: ImageDefinition['workdir'] = (path) => this.#with(() => `WORKDIR ${line(path)}`)
  user: ImageDefinition['user'] = (user) => this.#with(() => `USER ${line(user)}`)
  env: ImageDefinition['env'] = (values) => this.#with(() => `ENV ${pairs(values)}`)
  label: ImageDefinition['label'] = (values) => this.#with(() => `LABEL ${pairs(values)}`)
  stopSignal: ImageDefinition['stopSignal'] = (signal) => this.#with(() => `STOPSIGNAL ${line(signal)}`)
  expose: ImageDefinition['expose'] = (...ports) => this.#with(() => `EXPOSE ${ports.join(' ')}`)
  volume: ImageDefinition['volume'] = (...paths) => this.#with(() => `VOLUME ${JSON.stringify(paths)}`)
  cmd: ImageDefinition['cmd'] = (command) => this.#with(() => `CMD ${commandText(command)}`)
  entrypoint: ImageDefinition['entrypoint'] = (command) => this.#with(() => `ENTRYPOINT ${commandText(command)}`)
  shell: ImageDefinition['shell'] = (command) => this.#with(() => `SHELL ${JSON.stringify(command)}`)

  arg: ImageDefinition['arg'] = (name, standard) =>
    this.#with(() => `ARG ${name}${standard === undefined ? '' : `=${quotedWord(standard)}`}`)

  healthcheck: ImageDefinition['healthcheck'] = (command, options = {}) =>
    this.#with(() => healthcheckText(command, options))

  dockerfile(): string {
    const names = new Map<Definition, string>()
    const stages: string[] = []
    this.#write(names, stages)
    return stages.join('\n')
  }

  /** Writes the stages that this one reads, each once, then this one. */
  #write(names: Map<Definition, string>, stages: string[]): string {
    const known = names.get(this)
    if (known !== undefined) return known
    const nameOf = (source: CopySource): string =>
      typeof source === 'string' ? source : (source as Definition).#write(names, stages)
    const platform = this.#platform === undefined ? '' : `--platform=${this.#platform} `
    const from = `FROM ${platform}${nameOf(this.#base)}`
    const lines = this.#steps.map((step) => step(nameOf))
    const name = `stage-${names.size}`
    names.set(this, name)
    stages.push([`${from} AS ${name}`, ...lines, ''].join('\n'))
    return name
  }

  #with(step: Write): ImageDefinition {
    return new Definition(this.#base, [...this.#steps, step], this.#platform)
  }
}

function listOf(values: Value | readonly Value[]): readonly Value[] {
  return Array.isArray(values) ? (values as readonly Value[]) : [values as Value]
}

function pairs(values: Readonly<Record<string, Value>>): string {
  const all = Object.entries(values)
  if (all.length === 0) fail('invalid_argument', 'there is nothing to set')
  return all.map(([key, value]) => `${quotedWord(key)}=${quotedWord(value)}`).join(' ')
}
