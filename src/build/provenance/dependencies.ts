import { hexOf, imagePackageUrl } from '#oci'
import { digestSet } from './names.ts'
import type { BuildOrigin } from './types.ts'

interface Dependency {
  readonly uri: string
  readonly digest: Readonly<Record<string, string>>
  readonly name?: string
}

/** What a build read from outside, each pinned, in order of the names: bases, git, URLs, and local files by content. */
export function dependencies({ bases, sources, locals }: BuildOrigin): readonly Dependency[] {
  const all: Dependency[] = [
    ...bases.map((base) => ({ uri: imagePackageUrl(base.ref, base.platform), digest: { sha256: hexOf(base.digest) } })),
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
