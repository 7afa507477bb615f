import { readFileSync } from 'node:fs'
import { literal, object, pipe, record, regex, safeParse, string } from 'valibot'
import { CairnError, fail, streamOf, utf8 } from '#base'
import { writeWhole } from '../transport/writewhole.ts'
import type { SourceLock } from './types.ts'

const Digest = pipe(string(), regex(/^sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})$/))
const Commit = pipe(string(), regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/))
const Schema = object({
  version: literal(1),
  images: record(string(), record(string(), Digest)),
  git: record(string(), Commit),
  http: record(string(), Digest),
})
/** A lock has an entry for each source of a Dockerfile; larger is something else. */
const MOST = 4 << 20

export const EMPTY: SourceLock = { images: {}, git: {}, http: {} }

/** The lock in a file; undefined where there is none. */
export function readLock(file: string): SourceLock | undefined {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new CairnError('failed_precondition', `${file} cannot be read`, { cause: error })
  }
  const parsed = text.length > MOST ? undefined : safeParse(Schema, json(text))
  if (!parsed?.success)
    return fail('invalid_argument', `${file} is no lock file of ours`, {
      hint: 'remove it, and make it again: cairn build --lock',
    })
  return parsed.output as SourceLock
}

/** Writes a lock as a whole or not at all; entries in order, so that changes can be read. Says whether it changed. */
export async function writeLock(file: string, lock: SourceLock): Promise<boolean> {
  const text = `${JSON.stringify({ version: 1, ...sorted(lock) }, undefined, 2)}\n`
  if (isSame(file, text)) return false
  await writeWhole(file, streamOf(utf8(text)))
  return true
}

function isSame(file: string, text: string): boolean {
  try {
    return readFileSync(file, 'utf8') === text
  } catch {
    return false
  }
}

function sorted({ images, git, http }: SourceLock): SourceLock {
  const byPlatform = Object.entries(images).map(([name, platforms]) => [name, ordered(platforms)] as const)
  return { images: ordered(Object.fromEntries(byPlatform)), git: ordered(git), http: ordered(http) }
}

function ordered<T>(map: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
