import { isAlias, isNode, isPair, isScalar, parseAllDocuments, visit, type Document, type Node, type Pair } from 'yaml'
import { fail, messageOf } from '#base'
import type { BakeFile } from '../types.ts'
import { isTreeMap, type Tree, type TreeMap } from './tree.ts'

/** One document: what it says, and which paths of earlier ones it takes back (`!reset`, `!override`). */
export interface ComposeDocument {
  readonly tree: TreeMap
  readonly resets: readonly (readonly string[])[]
}

/** An anchor may be used this often; anchors inside of anchors multiply. */
const MOST_ALIASES = 10_000

/** No Compose file by hand is larger, nor has so many brackets open: the library takes time by their square. */
const LONGEST = 1 << 20
const MOST_OPEN = 5_000

/** Reads a file's documents. Every failure names the file, and its line where there is one. */
export function parseYaml(file: BakeFile): readonly ComposeDocument[] {
  if (file.text.length > LONGEST) fail('resource_exhausted', `${file.name} is larger than ${LONGEST} characters`)
  try {
    if (mostOpen(file.text) > MOST_OPEN) throw new RangeError('too many brackets')
    return [...parseAllDocuments(file.text, OPTIONS)].map((document) => treeOf(document, file))
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return fail('invalid_argument', `${file.name} is nested too deeply`)
  }
}

const OPTIONS = {
  merge: true,
  intAsBigInt: true,
  prettyErrors: false,
  logLevel: 'error',
  // Go's YAML, which everybody writes Compose files for, still knows YAML 1.1's 0755 and 1_000.
  customTags: (tags: readonly unknown[]) => [OLD_INTEGER, ...tags],
} as Parameters<typeof parseAllDocuments>[1]

const OLD_INTEGER = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^[-+]?(?:0[0-7_]+|[1-9][0-9]*_[0-9_]*)$/,
  resolve: (text: string) => {
    const digits = text.replace(/[-+_]/g, '')
    const value = BigInt(digits.startsWith('0') ? `0o${digits}` : digits)
    return text.startsWith('-') ? -value : value
  },
}

function treeOf(document: Document, file: BakeFile): ComposeDocument {
  const [error] = document.errors
  if (error?.code === 'RESOURCE_EXHAUSTION' || error?.message.includes('call stack'))
    throw new RangeError(error.message)
  if (error)
    fail('invalid_argument', `${file.name} is not YAML: ${error.message}`, {
      location: {
        file: file.name,
        line: file.text.slice(0, error.pos[0]).split('\n').length,
        excerpt: lineAt(file.text, error.pos[0]),
      },
    })
  const resets = takenBack(document)
  let tree: Tree
  try {
    tree = document.toJS({ maxAliasCount: MOST_ALIASES }) as Tree
  } catch (cause) {
    if (cause instanceof RangeError) throw cause
    return fail('invalid_argument', `${file.name}: ${messageOf(cause)}`)
  }
  if (!isTreeMap(tree)) return fail('invalid_argument', `${file.name} must be a mapping`)
  return { tree, resets }
}

function mostOpen(text: string): number {
  let open = 0
  let most = 0
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    open += bracket === '[' || bracket === '{' ? 1 : -1
    most = Math.max(most, open)
  }
  return most
}

function lineAt(text: string, offset: number): string {
  const end = text.indexOf('\n', offset)
  return text.slice(text.lastIndexOf('\n', offset - 1) + 1, end < 0 ? undefined : end)
}

/** Removes what `!reset` marks, and finds the paths of both marks. */
function takenBack(document: Document): string[][] {
  const paths: string[][] = []
  visit(document, {
    Pair(_, pair, ancestors) {
      const { value } = pair
      const tag = isNode(value) && !isAlias(value) ? (value as { readonly tag?: string }).tag : undefined
      if (tag !== '!reset' && tag !== '!override') return undefined
      paths.push([...ancestors.flatMap(nameOf), ...nameOf(pair)])
      return tag === '!reset' ? visit.REMOVE : undefined
    },
  })
  return paths
}

/** What is merged in (`<<`) stands where it is merged. */
function nameOf(node: Document | Node | Pair<unknown, unknown>): string[] {
  if (!isPair(node) || !isScalar(node.key)) return []
  const name = String(node.key.value)
  return name === '<<' ? [] : [name]
}
