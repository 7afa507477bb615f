import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { fail, messageOf, utf8 } from '#base'
import type { SecretSource } from './options/step.ts'

/** BuildKit's limit, bytes. */
const LIMIT = 500 * 1024

/** The secrets of one build, each read when it is first asked for. Nothing here is ever written down or shown. */
export class Secrets {
  readonly #sources: Readonly<Record<string, SecretSource>>
  readonly #known = new Map<string, Uint8Array | undefined>()

  constructor(sources: Readonly<Record<string, SecretSource>> = {}) {
    this.#sources = sources
  }

  /** There is something to hide: the environment of a step may hold it. */
  get any(): boolean {
    return Object.keys(this.#sources).length > 0
  }

  /** Its bytes; undefined when nobody gave one of that id. */
  get(id: string): Uint8Array | undefined {
    if (!this.#known.has(id)) this.#known.set(id, this.#read(id))
    return this.#known.get(id)
  }

  #read(id: string): Uint8Array | undefined {
    const source = Object.hasOwn(this.#sources, id) ? this.#sources[id] : undefined
    if (!source) return undefined
    if ('file' in source) return readSecret(id, source.file)
    const value = process.env[source.env]
    return value === undefined ? undefined : utf8(value)
  }
}

function readSecret(id: string, path: string): Uint8Array {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch (error) {
    return fail('not_found', `secret ${JSON.stringify(id)}: ${messageOf(error)}`, { cause: error })
  }
  try {
    if (fstatSync(fd).size > LIMIT)
      fail('resource_exhausted', `secret ${JSON.stringify(id)}: ${path} is larger than ${LIMIT / 1024} KiB`)
    return readFileSync(fd)
  } finally {
    closeSync(fd)
  }
}
