import { fail, type SourceLocation } from '#base'

/** A file's text under its name. */
export interface Source {
  readonly name: string
  readonly text: string
  /** Where the text begins in its file, when it is a part of one; lines count from 1. */
  readonly line?: number
}

/** Where something stands: a byte of a file. Lines are counted only when a message needs them. */
export interface Place {
  readonly source: Source
  readonly offset: number
}

export function locate({ source, offset }: Place): SourceLocation {
  const before = source.text.slice(0, offset)
  const line = before.split('\n').length + (source.line ?? 1) - 1
  const start = before.lastIndexOf('\n') + 1
  const end = source.text.indexOf('\n', offset)
  return { file: source.name, line, excerpt: source.text.slice(start, end < 0 ? undefined : end) }
}

/** What is wrong with a file, and on which line. */
export function failAt(at: Place, message: string, hint?: string): never {
  fail('invalid_argument', message, { location: locate(at), ...(hint === undefined ? {} : { hint }) })
}

/** `docker-bake.hcl:7`. */
export function placeName(at: Place): string {
  const { file, line } = locate(at)
  return `${file}:${line}`
}
