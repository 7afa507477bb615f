import { familiarRepository, formatPlatform, hexOf, parseReference, type Reference } from '#oci'
import { digestSet } from './names.ts'
import type { BaseMaterial, BuildOrigin } from './types.ts'

interface Dependency {
  readonly uri: string
  readonly digest: Readonly<Record<string, string>>
  readonly name?: string
}

/** What a build read from outside, each pinned, in order of the names: bases, git, URLs, and local files by content. */
export function dependencies({ bases, sources, locals }: BuildOrigin): readonly Dependency[] {
  const all: Dependency[] = [
    ...bases.map((base) => ({ uri: imageMaterial(base), digest: { sha256: hexOf(base.digest) } })),
    ...sources.map(({ uri, digest }) => ({ uri, digest: digestSet(digest) })),
    ...[...locals].map(([name, digest]) => ({
      uri: `urn:cairn:context:${encodeURIComponent(name)}`,
      name,
      digest: { sha256: hexOf(digest) },
    })),
  ]
  const distinct = new Map(all.map((item) => [JSON.stringify(item), item]))
  return [...distinct.values()].toSorted((a, b) => (a.uri < b.uri ? -1 : a.uri > b.uri ? 1 : 0))
}

/** A package URL of type docker, as BuildKit names bases; another build's result has no name of a registry's. */
export function imageMaterial({ ref, platform }: Pick<BaseMaterial, 'ref' | 'platform'>): string {
  let reference: Reference
  try {
    reference = parseReference(ref)
  } catch {
    return `urn:cairn:image:${encodeURIComponent(ref)}`
  }
  const { tag, digest, ...rest } = reference
  const version = tag ?? (digest === undefined ? 'latest' : undefined)
  const query = [
    ...(digest === undefined ? [] : [`digest=${digest}`]),
    `platform=${encodeURIComponent(formatPlatform(platform))}`,
  ]
  return `pkg:docker/${familiarRepository(rest)}${version === undefined ? '' : `@${version}`}?${query.join('&')}`
}
