import { evaluateBlocks } from './definition/targets.ts'
import { descriptionOf, shown, typeText } from './definition/variable.ts'
import { Workspace } from './definition/workspace.ts'
import { parseJson, type Shape } from './hcl/json.ts'
import { parseHcl } from './hcl/parse.ts'
import type { Body } from './hcl/syntax.ts'
import type { BakeFile, BakeOptions, Definitions } from './types.ts'

const SHAPE: Shape = {
  target: { labels: 1 },
  group: { labels: 1 },
  function: { labels: 1 },
  variable: { labels: 1, inner: { validation: { labels: 0 } }, expressions: ['type'] },
}

/** Reads files, later ones over earlier ones, bake files over Compose files, and evaluates what they say. */
export async function readDefinitions(files: readonly BakeFile[], options: BakeOptions = {}): Promise<Definitions> {
  const compose: BakeFile[] = []
  const bake: BakeFile[] = []
  for (const file of files) ((await isComposeFile(file)) ? compose : bake).push(file)
  if (compose.length === 0) return readBakeDefinitions(bake, options)
  const { readCompose } = await import('./compose/index.ts')
  const before = readCompose(compose, options.environment ?? {}, options.readFile ?? (() => undefined), options.warn)
  return readBakeDefinitions(bake, options, before)
}

/** Files in HCL and JSON, over what was read before them. */
export function readBakeDefinitions(
  files: readonly BakeFile[],
  options: BakeOptions = {},
  before?: Pick<Definitions, 'targets' | 'groups'>,
): Definitions {
  const workspace = new Workspace(files.map(bodyOf), options)
  // All of them, also those that nobody reads: a wrong override must not go unnoticed.
  const variables = [...workspace.variables].map(([name, block]) => ({
    name,
    value: shown(workspace.variable(name) ?? null),
    description: descriptionOf(block, workspace),
    type: typeText(block),
  }))
  return { ...evaluateBlocks(workspace, before), variables }
}

function bodyOf(file: BakeFile): Body {
  const isJson = file.name.endsWith('.json') || (!file.name.endsWith('.hcl') && file.text.trimStart().startsWith('{'))
  return isJson ? parseJson(file, SHAPE) : parseHcl(file)
}

/** By its name; by what is in it where that does not tell. */
async function isComposeFile(file: BakeFile): Promise<boolean> {
  if (/\.ya?ml$/i.test(file.name)) return true
  if (/\.(json|hcl)$/i.test(file.name) || !/^\s*["']?(services|include)["']?\s*:/m.test(file.text)) return false
  const { isCompose } = await import('./compose/index.ts')
  return isCompose(file)
}
