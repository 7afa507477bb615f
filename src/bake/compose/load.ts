import { dirname, join, normalize } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { fail } from '#base'
import type { BakeFile } from '../types.ts'
import { canonicalService, without } from './canonical.ts'
import { parseDotenv } from './dotenv.ts'
import { interpolated, lookupIn, type Unset } from './interpolate.ts'
import { listOf, merged, mergedService } from './merge.ts'
import { pathFrom, secretFrom, serviceFrom } from './paths.ts'
import { isTreeMap, mapAt, textAt, wrong, type Tree, type TreeMap } from './tree.ts'
import { parseYaml } from './yaml.ts'

/** What the files come to together. */
export interface ComposeModel {
  readonly services: Readonly<Record<string, TreeMap>>
  readonly secrets: TreeMap
}

export type Environment = Readonly<Record<string, string>>
/** A file's text; undefined when there is none. */
export type ReadFile = (path: string) => string | undefined

const EMPTY: ComposeModel = { services: {}, secrets: {} }

/** Reads files, later ones over earlier ones, with what they include and extend. Paths become the caller's. */
export function loadModel(
  files: readonly BakeFile[],
  environment: Environment,
  read: ReadFile,
  unset?: Unset,
): ComposeModel {
  return new Loader(read, unset).files(files, '', environment, [])
}

class Loader {
  readonly #read: ReadFile
  readonly #unset: Unset | undefined

  constructor(read: ReadFile, unset: Unset | undefined) {
    this.#read = read
    this.#unset = unset
  }

  /** `directory` is where the relative paths of these files begin; `trail` are the files that include them. */
  files(
    files: readonly BakeFile[],
    directory: string,
    environment: Environment,
    trail: readonly string[],
  ): ComposeModel {
    let model = EMPTY
    for (const file of files)
      for (const { tree, resets } of parseYaml(file)) {
        const own = interpolated(tree, lookupIn(environment), this.#unset) as TreeMap
        const included = this.#included(own['include'], directory, environment, [...trail, normalize(file.name)])
        const before = without(model as unknown as Tree, resets) as unknown as ComposeModel
        const extending = overModels(
          included,
          this.#extended(sectionsOf(own, file), file, directory, environment),
          resets,
        )
        model = overModels(before, extending, [])
      }
    return movedTo(directory, model)
  }

  #included(include: Tree | undefined, directory: string, outer: Environment, trail: readonly string[]): ComposeModel {
    if (include === undefined || include === null) return EMPTY
    if (!Array.isArray(include)) return wrong('include', 'a list')
    let model = EMPTY
    for (const item of include as readonly Tree[]) {
      const { path, project_directory: project, env_file: envFile, ...rest } = isTreeMap(item) ? item : { path: item }
      const [unknown] = Object.keys(rest)
      if (unknown !== undefined) fail('invalid_argument', `include has no ${JSON.stringify(unknown)}`)
      const paths = listOf(path ?? null).map((one) => textAt(one, 'include.path') ?? wrong('include.path', 'a string'))
      const from = paths.map((one) => pathFrom(directory, one))
      if (from[0] === undefined) return wrong('include.path', 'a file')
      if (trail.includes(from[0]))
        fail('invalid_argument', `files include each other: ${[...trail, from[0]].join(' → ')}`)
      const named = textAt(project, 'include.project_directory')
      const home = named === undefined ? dirname(from[0]) : pathFrom(directory, named)
      const envFiles = listOf(envFile ?? null).map((one) => pathFrom(directory, textAt(one, 'include.env_file') ?? ''))
      const environment = this.#environment(envFiles, home, outer)
      const read = this.files(
        from.map((one) => this.#file(one)),
        home,
        environment,
        trail,
      )
      model = overModels(model, read, [])
    }
    return model
  }

  /** The caller's variables go before those of a project's own file. */
  #environment(files: readonly string[], home: string, outer: Environment): Environment {
    const all = files.filter((file) => file !== '/dev/null').map((file) => this.#file(file))
    const usual = files.length === 0 ? this.#read(join(home, '.env')) : undefined
    if (usual !== undefined) all.push({ name: join(home, '.env'), text: usual })
    const given = lookupIn(outer)
    let own = new Map<string, string>()
    for (const file of all) own = new Map([...own, ...parseDotenv(file, (name) => given(name) ?? own.get(name))])
    return { ...Object.fromEntries(own), ...outer }
  }

  #extended(model: ComposeModel, file: BakeFile, directory: string, environment: Environment): ComposeModel {
    const services = Object.keys(model.services).map(
      (name) =>
        [name, this.#service(name, model.services, { file: file.name, directory, environment, trail: [] })] as const,
    )
    return { ...model, services: Object.fromEntries(services) }
  }

  /** A service over the one that it extends, which may extend another. */
  #service(name: string, services: Readonly<Record<string, TreeMap>>, scope: Scope): TreeMap {
    const step = `${scope.file}#${name}`
    if (scope.trail.includes(step))
      fail('invalid_argument', `services extend each other: ${[...scope.trail, step].join(' → ')}`)
    const { extends: base, ...own } = services[name]!
    if (base === undefined || base === null) return own
    const path = `services.${name}.extends`
    const wanted = textAt(mapAt(base, path)['service'], `${path}.service`) ?? wrong(`${path}.service`, 'a string')
    const from = textAt(mapAt(base, path)['file'], `${path}.file`)
    const inner = from === undefined ? scope : { ...scope, file: from, trail: [...scope.trail, step] }
    const others = from === undefined ? services : this.#extendable(from, scope)
    if (!Object.hasOwn(others, wanted))
      fail(
        'not_found',
        `${path}: there is no service ${JSON.stringify(wanted)}${from === undefined ? '' : ` in ${from}`}`,
      )
    return mergedService(
      this.#service(wanted, others, { ...inner, trail: [...scope.trail, step] }),
      own,
      `services.${name}`,
    )
  }

  /** The services of another file, as they are written there, with paths as `scope` would write them. */
  #extendable(path: string, { directory, environment }: Scope): Readonly<Record<string, TreeMap>> {
    const file = this.#file(pathFrom(directory, path))
    let model = EMPTY
    for (const { tree } of parseYaml(file))
      model = overModels(model, sectionsOf(interpolated(tree, lookupIn(environment), this.#unset) as TreeMap, file), [])
    return movedTo(dirname(path), model).services
  }

  #file(name: string): BakeFile {
    return { name, text: this.#read(name) ?? fail('not_found', `there is no file ${name}`) }
  }
}

interface Scope {
  readonly file: string
  readonly directory: string
  readonly environment: Environment
  readonly trail: readonly string[]
}

function sectionsOf(tree: TreeMap, { name: file }: BakeFile): ComposeModel {
  const services = Object.entries(mapAt(tree['services'], `${file}: services`))
  return {
    services: Object.fromEntries(services.map(([name, one]) => [name, canonicalService(one, `services.${name}`)])),
    secrets: mapAt(tree['secrets'], `${file}: secrets`),
  }
}

function overModels(first: ComposeModel, second: ComposeModel, resets: readonly (readonly string[])[]): ComposeModel {
  const before = without(first as unknown as Tree, resets) as unknown as ComposeModel
  const services = new Map(Object.entries(before.services))
  for (const [name, service] of Object.entries(second.services)) {
    const known = services.get(name)
    const path = `services.${name}`
    services.set(
      name,
      known === undefined || isDeepStrictEqual(known, service)
        ? service
        : canonicalService(mergedService(known, service, path), path),
    )
  }
  return {
    services: Object.fromEntries(services),
    secrets: merged(before.secrets, second.secrets, 'secrets', undefined) as TreeMap,
  }
}

function movedTo(directory: string, { services, secrets }: ComposeModel): ComposeModel {
  const each = <T extends Tree>(map: Readonly<Record<string, T>>, of: (value: T) => T): Readonly<Record<string, T>> =>
    Object.fromEntries(Object.entries(map).map(([name, value]) => [name, of(value)]))
  return {
    services: each(services, (service) => serviceFrom(directory, service)),
    secrets: each(secrets, (secret) => secretFrom(directory, secret)),
  }
}
