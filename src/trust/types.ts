import type { Call } from '#base'
import type { FileTree } from '#image'

/** What somebody states about images: its type says how to read it. */
export interface Predicate {
  /** `https://slsa.dev/provenance/v1`, `https://spdx.dev/Document`. */
  readonly type: string
  readonly content: object
}

/** in-toto Statement v1: a predicate about subjects. */
export interface Statement {
  readonly _type: string
  readonly subject: readonly Subject[]
  readonly predicateType: string
  readonly predicate: object
}

/** What a statement is about: a name, and digests by algorithm in hex (in-toto ResourceDescriptor). */
export interface Subject {
  readonly name: string
  readonly digest: Readonly<Record<string, string>>
}

/** A package that a file system holds. */
export interface Package {
  readonly ecosystem: 'deb' | 'apk' | 'npm' | 'pypi'
  readonly name: string
  readonly version: string
  readonly architecture?: string
  /** The source package that it was made from, where that has another name or version. */
  readonly source?: { readonly name: string; readonly version: string }
  /** As the package says: SPDX identifiers or expressions, or names of its own. */
  readonly licenses: readonly string[]
  readonly supplier?: string
  readonly homepage?: string
  /** Where it is said. */
  readonly path: string
}

/** The distribution that a file system is of: os-release(5). */
export interface Distribution {
  readonly id: string
  readonly version: string
}

/** Finds packages of one kind. What it cannot read is left out, not an error: images hold broken files. */
export interface Cataloger {
  find(tree: FileTree, call?: Call): Promise<readonly Package[]>
}
