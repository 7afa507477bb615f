import { fail } from '#base'
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

/** Reads files, later ones over earlier ones, and evaluates what they say. */
export function readDefinitions(files: readonly BakeFile[], options: BakeOptions = {}): Definitions {
  const workspace = new Workspace(files.map(bodyOf), options)
  // All of them, also those that nobody reads: a wrong override must not go unnoticed.
  const variables = [...workspace.variables].map(([name, block]) => ({
    name,
    value: shown(workspace.variable(name) ?? null),
    description: descriptionOf(block, workspace),
    type: typeText(block),
  }))
  return { ...evaluateBlocks(workspace), variables }
}

function bodyOf(file: BakeFile): Body {
  if (/\.ya?ml$/.test(file.name))
    fail('unimplemented', `${file.name}: Compose files are not read`, { hint: 'give a bake file in HCL or JSON' })
  const isJson = file.name.endsWith('.json') || (!file.name.endsWith('.hcl') && file.text.trimStart().startsWith('{'))
  return isJson ? parseJson(file, SHAPE) : parseHcl(file)
}
