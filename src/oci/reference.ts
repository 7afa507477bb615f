import { fail } from '#base'
import { isDigest } from './digest.ts'
import type { Digest, Reference } from './types.ts'

/**
 * Names of images, read as Docker reads them: `debian` is `docker.io/library/debian`, a first
 * component is a registry when it has a dot, a colon or an upper-case letter or is `localhost`.
 * Grammar: distribution-spec (name, reference) with the domain and port that Docker adds.
 */
const DOMAIN_COMPONENT = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])'
const DOMAIN = `(?:${DOMAIN_COMPONENT}(?:\\.${DOMAIN_COMPONENT})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`
const PATH_COMPONENT = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*'
const PATH = `${PATH_COMPONENT}(?:/${PATH_COMPONENT})*`
const TAG = '[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}'
const DIGEST = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}'

const REFERENCE = new RegExp(`^(${DOMAIN})/(${PATH})(?::(${TAG}))?(?:@(${DIGEST}))?$`)
const TAG_ALONE = new RegExp(`^${TAG}$`)
const IDENTIFIER = /^[a-f0-9]{64}$/

const DEFAULT_DOMAIN = 'docker.io'
const LEGACY_DOMAIN = 'index.docker.io'
const OFFICIAL = 'library/'
/** Docker's bound on a repository's path, in characters. */
const PATH_LIMIT = 255
/** Longer than any valid reference: refused before a regular expression sees it. */
const TEXT_LIMIT = 2048

/**
 * The reference that a user's text means, with domain and `library/` filled in; no tag is added.
 * `invalid_argument` for what Docker refuses: upper case in a repository, a path over 255
 * characters, a bare 64-digit identifier, a digest of an unknown algorithm or length.
 */
export function parseReference(text: string): Reference {
  if (text === '') refuse(text, 'it is empty')
  if (text.length > TEXT_LIMIT) refuse(text, 'it is too long')
  if (IDENTIFIER.test(text)) refuse(text, 'a repository cannot be named by 64 hexadecimal digits')
  const [domain, rest] = splitDomain(text)
  const repository = rest.split(':', 1)[0] ?? ''
  if (repository !== repository.toLowerCase()) refuse(text, `the repository name ${repository} must be lower case`)
  const match = REFERENCE.exec(`${domain}/${rest}`)
  if (!match) refuse(text, 'expected [domain[:port]/]name[:tag][@digest]')
  const [, , path = '', tag, digest] = match
  if (path.length > PATH_LIMIT) refuse(text, `the repository name is longer than ${PATH_LIMIT} characters`)
  if (digest !== undefined && !isDigest(digest)) refuse(text, 'the digest must be sha256 or sha512 with all its digits')
  return {
    domain,
    path,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest: digest as Digest }),
  }
}

/** The whole name: `docker.io/library/debian:12@sha256:…`. */
export function formatReference(ref: Reference): string {
  return suffixed(`${ref.domain}/${ref.path}`, ref)
}

/** The name as people write it: Docker Hub's domain and `library/` left out. */
export function familiarName(ref: Reference): string {
  return suffixed(familiarRepository(ref), ref)
}

/** {@link familiarName} without tag and digest: the REPOSITORY column of `images`. */
export function familiarRepository(ref: Reference): string {
  if (ref.domain !== DEFAULT_DOMAIN) return `${ref.domain}/${ref.path}`
  const rest = ref.path.slice(OFFICIAL.length)
  return ref.path.startsWith(OFFICIAL) && !rest.includes('/') ? rest : ref.path
}

/** The same reference with `:latest` where it has neither tag nor digest. */
export function withDefaultTag(ref: Reference): Reference {
  return ref.tag === undefined && ref.digest === undefined ? { ...ref, tag: 'latest' } : ref
}

/** True for what distribution-spec takes as a tag: at most 128 characters. */
export function isTag(text: string): boolean {
  return TAG_ALONE.test(text)
}

function suffixed(name: string, { tag, digest }: Reference): string {
  return `${name}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`
}

function splitDomain(text: string): readonly [domain: string, rest: string] {
  const slash = text.indexOf('/')
  // A single component is never a domain: `localhost:5000` is the repository localhost, tag 5000.
  if (slash < 0) return [DEFAULT_DOMAIN, OFFICIAL + text]
  const first = text.slice(0, slash)
  const rest = text.slice(slash + 1)
  if (first === DEFAULT_DOMAIN || first === LEGACY_DOMAIN) return [DEFAULT_DOMAIN, official(rest)]
  const isDomain = first === 'localhost' || /[.:]/.test(first) || first !== first.toLowerCase()
  return isDomain ? [first, rest] : [DEFAULT_DOMAIN, text]
}

function official(rest: string): string {
  return rest.includes('/') ? rest : OFFICIAL + rest
}

function refuse(text: string, why: string): never {
  fail('invalid_argument', `invalid reference ${JSON.stringify(text.slice(0, 100))}: ${why}`)
}
