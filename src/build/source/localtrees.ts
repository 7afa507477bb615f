import { CairnError, fail } from '#base'
import type { Database } from '#content'
import type { Digest } from '#oci'
import { digestData } from '../digest.ts'
import { readIgnoreRules } from './context.ts'
import { FileDigests } from './filedigests.ts'
import { MAIN_CONTEXT } from './maincontext.ts'
import { SourceTree } from './tree.ts'

/** A directory of this machine that copies and mounts read. */
export interface LocalDirectory {
  readonly path: string
  /** Where the Dockerfile lies, whose own ignore file goes before the directory's. */
  readonly dockerfile?: string
  /** Of this build alone: nothing about its files is worth remembering. */
  readonly isTemporary?: boolean
}

/** A directory less what its ignore file hides, and the digests of its files. */
export interface LocalTree {
  readonly tree: SourceTree
  readonly digests: FileDigests
}

/** The local directories of one build by the names of their contexts, each opened when something reads it. */
export class LocalTrees implements Disposable {
  readonly #db: Database
  readonly #directories: ReadonlyMap<string, LocalDirectory>
  readonly #open = new Map<string, LocalTree>()
  readonly #reads = new Map<string, Set<Digest>>()

  constructor(db: Database, directories: ReadonlyMap<string, LocalDirectory>) {
    this.#db = db
    this.#directories = directories
  }

  get(name: string): LocalTree {
    let tree = this.#open.get(name)
    if (!tree) this.#open.set(name, (tree = this.#read(name)))
    return tree
  }

  /** Told of what a step reads of a tree. */
  noteRead(name: string, content: Digest): void {
    const known = this.#reads.get(name) ?? new Set()
    this.#reads.set(name, known.add(content))
  }

  /** One digest for each tree that was read: of everything that the build's steps read of it. */
  readDigests(): ReadonlyMap<string, Digest> {
    return new Map([...this.#reads].map(([name, contents]) => [name, digestData([...contents].toSorted())]))
  }

  /** Remembers what the build learnt about files. */
  save(): void {
    for (const [name, { digests }] of this.#open) if (!this.#directories.get(name)?.isTemporary) digests.save()
  }

  [Symbol.dispose](): void {
    for (const { tree } of this.#open.values()) tree[Symbol.dispose]()
    this.#open.clear()
  }

  #read(name: string): LocalTree {
    const directory = this.#directories.get(name) ?? fail('not_found', noContext(name), NO_CONTEXT_HINT)
    const tree = openDirectory(directory)
    return { tree, digests: new FileDigests(this.#db, directory.path, tree) }
  }
}

const NO_CONTEXT_HINT = { hint: 'give a directory, an archive or a URL as the context' }

function noContext(name: string): string {
  return name === MAIN_CONTEXT
    ? 'there is no build context: the Dockerfile was given alone'
    : `no build context is called ${JSON.stringify(name)}`
}

function openDirectory({ path, dockerfile }: LocalDirectory): SourceTree {
  try {
    return new SourceTree(path, readIgnoreRules(path, dockerfile))
  } catch (error) {
    if (error instanceof CairnError && error.code === 'not_found')
      fail('not_found', `the build context ${path} does not exist`, { cause: error })
    throw error
  }
}
