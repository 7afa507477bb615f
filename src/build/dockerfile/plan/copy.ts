import { parseChmod } from '../../ops/chmod.ts'
import type { BuildVertex, CopyDefinition, CopyItem, Definition, FileSource } from '../../ops/definition.ts'
import { vertex } from '../../solver/vertex.ts'
import { cleanPath } from '../../source/cleanpath.ts'
import type { CopyInstruction } from '../instruction.ts'
import { attempt, layered, push, type LayerContext } from './files.ts'
import { remoteSources } from './remote.ts'

/** Where a COPY reads, once it is known: a local directory by its context's name, or what a vertex makes. */
export type CopyFrom = { readonly tree: string } | { readonly vertex: BuildVertex; readonly context?: boolean }

interface Expanded {
  readonly chown: string
  readonly chmod: string
  readonly destination: string
  /** As history shows them. */
  readonly words: readonly string[]
  readonly items: readonly CopyItem[]
  /** What the items' inputs are, in order. */
  readonly inputs: readonly BuildVertex[]
}

export function applyCopy(instruction: CopyInstruction, from: CopyFrom, context: LayerContext): void {
  const { state, expand } = context
  const { name, statement } = instruction
  const expanded = expandCopy(instruction, from, context)
  const { chown, chmod, destination, items, inputs, words } = expanded
  if (chmod !== '') parseChmod(chmod)
  const def: Omit<CopyDefinition, 'below'> = {
    op: 'copy',
    sources: items,
    destination: copyDestination(state.config.WorkingDir || '/', destination),
    ...(chown === '' ? {} : { chown }),
    ...(chmod === '' ? {} : { chmod }),
    ...(instruction.exclude.length === 0 ? {} : { exclude: instruction.exclude }),
  }
  const shown = attempt(() => expand(statement.text, { keepUnset: true }), statement.text)
  const about = context.about(shown, statement)
  // As BuildKit has it, a mode undoes --link: directories made on the way would get it too, and hide those below.
  if (instruction.link && chmod === '' && state.vertex) {
    const linked = vertex<Definition>({ ...def, ...layered(context), below: false }, inputs, about)
    push(context, { op: 'merge' }, [linked], { ...about, name: `LINK ${about.name}`, internal: true })
  } else push(context, { ...def, ...layered(context) }, inputs, about)
  const flags = [
    ...(instruction.parents ? ['--parents'] : []),
    ...(chown === '' ? [] : [`--chown=${chown}`]),
    ...(chmod === '' ? [] : [`--chmod=${chmod}`]),
  ]
  state.history.push({ created_by: [name, ...flags, ...words, destination, '# buildkit'].join(' ') })
}

function expandCopy(instruction: CopyInstruction, from: CopyFrom, context: LayerContext): Expanded {
  const { expand } = context
  const { name, parents, unpack = name === 'ADD' } = instruction
  const inputs: BuildVertex[] = 'vertex' in from ? [from.vertex] : []
  const source: FileSource = 'vertex' in from ? { input: 0, ...(from.context ? { context: true } : {}) } : from
  const words: string[] = []
  const paths: CopyItem[] = []
  const inline: CopyItem[] = []
  const remote = remoteSources(instruction, context)
  for (const given of instruction.sources)
    if (given.kind === 'path') {
      const path = expand(given.path)
      words.push(path)
      const fetched = remote(path)
      if (fetched) {
        paths.push({ kind: 'path', from: { input: inputs.length }, literal: true, ...fetched.item })
        inputs.push(fetched.vertex)
      } else paths.push({ kind: 'path', from: source, ...(parents ? pivot(path) : { path }), unpack })
    } else {
      const text = given.expand ? expand(given.content, { literalQuotes: true, escape: '\\' }) : given.content
      inline.push({ kind: 'inline', name: given.name, text })
    }
  return {
    chown: instruction.chown === undefined ? '' : expand(instruction.chown),
    chmod: instruction.chmod === undefined ? '' : expand(instruction.chmod),
    destination: expand(instruction.destination),
    words: [...words, ...inline.map((item) => (item.kind === 'inline' ? `<<${item.name}` : ''))],
    items: [...paths, ...inline],
    inputs,
  }
}

/** `--parents a/./b/c` keeps `b`: what stands before the pivot is where the copy begins. */
function pivot(path: string): { readonly path: string; readonly only?: string } {
  const at = path.indexOf('/./')
  const only = cleanPath(`/${at < 0 ? path : path.slice(at + 3)}`).slice(1)
  return { path: at < 0 ? '/' : path.slice(0, at), ...(only === '' ? {} : { only }) }
}

/** Absolute; keeps a slash at the end, which asks for a directory. */
function copyDestination(workdir: string, text: string): string {
  const wanted = text === '.' || text === '' ? './' : text
  const path = cleanPath(wanted.startsWith('/') ? wanted : `${workdir}/${wanted}`)
  return /\/\.?$/.test(wanted) && path !== '/' ? `${path}/` : path
}
