import { cleanPath } from '../../source/cleanpath.ts'
import type { IgnoreRules, ParentMatch } from '../../source/ignore.ts'
import { isCopy, type Instruction } from '../instruction.ts'
import { attempt } from './attempt.ts'

/** What to say of a COPY's sources that the ignore file hides. Where it also takes paths back in, nobody can tell. */
export function ignoredSources(
  instruction: Instruction,
  expand: (word: string) => string,
  ignored: () => IgnoreRules | undefined,
): readonly string[] {
  if (!isCopy(instruction) || instruction.from !== undefined) return []
  const rules = attempt(ignored)
  if (!rules || rules.isEmpty || rules.hasNegations) return []
  const verb = instruction.name === 'ADD' ? 'Add' : 'Copy'
  return instruction.sources
    .flatMap((source) => (source.kind === 'path' ? (expanded(source.path, expand) ?? []) : []))
    .filter((path) => isIgnored(rules, path))
    .map((path) => `Attempting to ${verb} file "${path}" that is excluded by .dockerignore`)
}

/** What is fetched is in no context. */
function expanded(word: string, expand: (word: string) => string): string | undefined {
  const path = attempt(() => expand(word))
  return path === undefined || /^(?:https?:|git@|git:|ssh:)/.test(path) ? undefined : relativeClean(path)
}

function relativeClean(path: string): string {
  return path.startsWith('/') ? cleanPath(path) : cleanPath(`/${path}`).slice(1) || '.'
}

/** The path or a directory above it; of the root only what hides everything counts. */
function isIgnored(rules: IgnoreRules, path: string): boolean {
  if (path === '.' || path === '/') return rules.match('x', undefined).ignored && rules.match('.x', undefined).ignored
  let parent: ParentMatch | undefined
  let ignored = false
  let at = ''
  for (const part of path.split('/').filter(Boolean)) {
    at = at === '' ? part : `${at}/${part}`
    ;({ ignored, here: parent } = rules.match(at, parent))
  }
  return ignored
}
