import { fail } from '#base'
import type { BakeFile, Definitions } from '../types.ts'
import { lookupIn } from './interpolate.ts'
import { loadModel, type Environment, type ReadFile } from './load.ts'
import { targetsOf } from './services.ts'
import { parseDotenv } from './dotenv.ts'
import { parseYaml } from './yaml.ts'

/** What Compose files say of builds: a target for every service that has one, all of them the group `default`. */
export function readCompose(
  files: readonly BakeFile[],
  caller: Environment,
  read: ReadFile,
  warn: (message: string) => void = () => {},
): Pick<Definitions, 'targets' | 'groups'> {
  const environment = { ...callerEnvironment(caller, read), COMPOSE_PROJECT_NAME: 'bake' }
  const name = projectName(files) ?? caller['COMPOSE_PROJECT_NAME']
  if (name) environment.COMPOSE_PROJECT_NAME = name
  const unset = new Set<string>()
  const model = loadModel(files, environment, read, (one) => void unset.add(one))
  for (const one of unset) warn(`The ${JSON.stringify(one)} variable is not set. Defaulting to a blank string.`)
  if (Object.keys(model.services).length === 0)
    fail('invalid_argument', `${files.map((file) => file.name).join(', ')}: no services`)
  const targets = targetsOf(model, environment, read)
  return { targets, groups: new Map([['default', { targets: [...targets.keys()] }]]) }
}

/** Whether a file whose name does not tell is one of Compose. */
export function isCompose(file: BakeFile): boolean {
  try {
    return parseYaml(file).some(({ tree }) => Object.hasOwn(tree, 'services'))
  } catch {
    return false
  }
}

function callerEnvironment(caller: Environment, read: ReadFile): Environment {
  const text = read('.env')
  if (text === undefined) return caller
  const own = parseDotenv({ name: '.env', text }, lookupIn(caller))
  return { ...Object.fromEntries(own), ...caller }
}

/** `name: shop`, of the last file that says one. */
function projectName(files: readonly BakeFile[]): string | undefined {
  return files
    .flatMap((file) => parseYaml(file).map(({ tree }) => tree['name']))
    .findLast((name) => typeof name === 'string')
}
