import { statSync } from 'node:fs'
import { fail } from '#base'
import { pathInRoot } from '../source/cleanpath.ts'
import { parseGitUrl, parseShortGitUrl, type GitSource } from '../source/git/giturl.ts'
import { isHttpUrl } from '../source/http/httpname.ts'

/** What a context's text means. */
export type ContextReference =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'git'; readonly source: GitSource }
  | { readonly kind: 'http'; readonly url: string }
  | { readonly kind: 'image'; readonly ref: string }
  | { readonly kind: 'layout'; readonly directory: string; readonly ref: string }

/** The build context: what exists as a directory is one, whatever else it may look like. */
export function readMainContext(text: string): Exclude<ContextReference, { readonly kind: 'image' | 'layout' }> {
  if (isDirectory(text)) return { kind: 'directory', path: text }
  const source = parseGitUrl(text) ?? parseShortGitUrl(text)
  if (source) return { kind: 'git', source }
  return isHttpUrl(text) ? httpReference(text) : { kind: 'directory', path: text }
}

/** The value of `--build-context name=…`. */
export function readNamedContext(name: string, text: string): ContextReference {
  const scheme = /^(docker-image|oci-layout|target):(?:\/\/)?(.*)$/s.exec(text)
  if (scheme?.[1] === 'docker-image') return { kind: 'image', ref: scheme[2]! }
  if (scheme?.[1] === 'oci-layout') return layoutReference(scheme[2]!)
  if (scheme)
    fail('invalid_argument', `the context ${JSON.stringify(name)} is a target, which only a bake file can name`, {
      hint: 'build that target first, and give its image: docker-image://IMAGE',
    })
  const source = parseGitUrl(text)
  if (source) return { kind: 'git', source }
  if (isHttpUrl(text)) return httpReference(text)
  if (!isDirectory(text))
    fail('not_found', `the context ${JSON.stringify(name)} is no directory: ${text}`, {
      hint: 'give a directory, a URL, docker-image://… or oci-layout://…',
    })
  return { kind: 'directory', path: text }
}

/** The text of a directory below what a repository's text names; undefined where that is no repository. */
export function subdirectoryOf(repository: string, path: string): string | undefined {
  const source = parseGitUrl(repository)
  if (!source) return undefined
  const subdir = pathInRoot(`${source.subdir ?? ''}/${path}`)
  if (subdir === (source.subdir ?? '')) return repository
  const [base = '', fragment] = repository.split(/#(.*)/s)
  const [ref = ''] = (fragment ?? '').split(':')
  if (fragment === undefined && /[?&]subdir=/.test(base))
    return base.replace(/([?&]subdir=)[^&]*/, `$1${encodeURIComponent(subdir)}`)
  return `${base}#${ref}:${subdir}`
}

/** `directory`, `directory:tag`, `directory@digest`, `directory:tag@digest`: a digest says more than a tag. */
function layoutReference(text: string): ContextReference {
  const at = text.lastIndexOf('@')
  const digest = at < 0 ? undefined : text.slice(at + 1)
  const rest = at < 0 ? text : text.slice(0, at)
  const colon = rest.lastIndexOf(':')
  const isTag = colon > rest.lastIndexOf('/')
  const tag = isTag ? rest.slice(colon + 1) : 'latest'
  return { kind: 'layout', directory: isTag ? rest.slice(0, colon) : rest, ref: digest ?? tag }
}

function httpReference(url: string): { readonly kind: 'http'; readonly url: string } {
  return URL.canParse(url) ? { kind: 'http', url } : fail('invalid_argument', `invalid URL ${JSON.stringify(url)}`)
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}
