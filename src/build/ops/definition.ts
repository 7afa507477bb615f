import type { Digest } from '#oci'
import type { NetworkMode, Vertex } from '../types.ts'

/** A result: the layers of a root filesystem by diff ID, from the base up. */
export type Stack = readonly Digest[]

/** What is asked, as plain data. Input 0 is the stack below, where `below` says so. */
export type Definition = ImageDefinition | RunDefinition | MkdirDefinition | CopyDefinition

export type BuildVertex = Vertex<Definition>

/** The layers of an image; none for `scratch`. */
export interface ImageDefinition {
  readonly op: 'image'
  /** Which image it is: says where its blobs are to be had. */
  readonly manifest?: Digest
  readonly layers: Stack
}

interface Layered {
  /** False on `scratch`. */
  readonly below: boolean
  /** SOURCE_DATE_EPOCH, if somebody gave one. */
  readonly epoch?: number
}

export interface RunDefinition extends Layered {
  readonly op: 'run'
  readonly args: readonly string[]
  /** `NAME=value`, in order. */
  readonly env: readonly string[]
  /** Reaches the step, but no key. */
  readonly proxy: readonly string[]
  readonly cwd: string
  readonly user: string
  readonly network: NetworkMode
  readonly platform: string
  /** Files that the step finds at absolute paths and its layer does not get. */
  readonly files: readonly { readonly path: string; readonly mode: number; readonly text: string }[]
}

export interface MkdirDefinition extends Layered {
  readonly op: 'mkdir'
  /** Absolute and clean. */
  readonly path: string
  readonly user: string
}

export interface CopyDefinition extends Layered {
  readonly op: 'copy'
  /** `input`: the last input. */
  readonly from: 'context' | 'input'
  /** For messages: `the build context`, `stage "build"`. */
  readonly sources: readonly CopyItem[]
  /** Absolute; a slash (or `/.`) at its end means a directory. */
  readonly destination: string
  readonly chown?: string
  readonly chmod?: string
  /** Archives are unpacked (ADD). */
  readonly unpack: boolean
}

export type CopyItem =
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'inline'; readonly name: string; readonly text: string }
