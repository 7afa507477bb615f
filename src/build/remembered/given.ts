import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { CairnError, text } from '#base'
import type { Digest } from '#oci'
import { digestData } from '../digest.ts'
import { ignoreFile, readDockerfile } from '../source/context.ts'
import { gitHeadTime } from '../source/githead.ts'
import { isHttpUrl } from '../source/http/httpname.ts'
import type { LocalDirectory } from '../source/localtrees.ts'
import type { BuildOptions } from '../types.ts'
import type { Given } from './types.ts'

/** Options that are plain data and mean the same in every build. With any other a build is not remembered. */
const PLAIN: ReadonlySet<string> = new Set([
  'allow',
  'buildArgs',
  'cgroupParent',
  'context',
  'dockerfile',
  'extraHosts',
  'gitDirectory',
  'labels',
  'network',
  'parallelism',
  'resources',
  'secrets',
  'shmSize',
  'squash',
  'ssh',
  'target',
  'targetStep',
  'ulimits',
] satisfies (keyof BuildOptions)[])

/** Names the place that is remembered: a context and a Dockerfile's path. */
export function placeOf({ context, dockerfile }: Pick<BuildOptions, 'context' | 'dockerfile'>): Digest {
  return digestData([resolve(context), dockerfile ?? ''])
}

/** What is read before anything is parsed. */
export interface ReadFirst {
  readonly text: string
  /** Seconds since the epoch. */
  readonly head: number | undefined
  readonly directory: LocalDirectory
}

/**
 * Reads what a build is given, but for what its steps read and what its bases' names mean. Undefined where something
 * comes from elsewhere than a directory of this machine, or where there is something wrong that the build itself will tell.
 */
export function readGiven(options: BuildOptions, program: string): Given | undefined {
  const { context, dockerfile, gitDirectory } = options
  if (!plainOptions(options) || (dockerfile !== undefined && isHttpUrl(dockerfile))) return undefined
  if (!statSync(context, { throwIfNoEntry: false })?.isDirectory()) return undefined
  const path = resolve(context)
  try {
    const source = readDockerfile(path, dockerfile)
    const directory = { path, ...(source.path === undefined ? {} : { dockerfile: source.path }) }
    const head = gitHeadTime(gitDirectory ?? path)
    return givenBuild(options, { text: text(source.bytes), head, directory }, program)
  } catch (error) {
    if (error instanceof CairnError) return undefined
    throw error
  }
}

/** The same for a build that has read it already. `program` is who plans it: another one may plan otherwise. */
export function givenBuild(options: BuildOptions, read: ReadFirst, program: string): Given | undefined {
  const asked = plainOptions(options)
  if (!asked) return undefined
  const { text: dockerfile, head, directory } = read
  const ignored = ignoreFile(directory.path, directory.dockerfile)
  const key = digestData([
    program,
    asked,
    dockerfile,
    head ?? '',
    directory,
    ignored ? [ignored.path, text(ignored.bytes)] : [],
  ])
  return { place: placeOf(options), key, directory }
}

/** The options that are given, if all of them are plain. */
function plainOptions(options: BuildOptions): object | undefined {
  const given = Object.entries(options).filter(([, value]) => !isNothing(value))
  return given.every(([name]) => PLAIN.has(name)) ? Object.fromEntries(given) : undefined
}

/** Absent, off, or empty. */
function isNothing(value: unknown): boolean {
  if (value === undefined || value === false) return true
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}
