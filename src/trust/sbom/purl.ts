import type { Distribution, Package } from '../types.ts'

/** A package URL (purl-spec): `pkg:deb/debian/bash@5.2?arch=amd64&distro=debian-12`. */
export function packageUrl(item: Package, distribution?: Distribution): string {
  const { ecosystem, architecture, version } = item
  const query = new Map<string, string>()
  if (architecture) query.set('arch', architecture)
  const isOs = ecosystem === 'deb' || ecosystem === 'apk'
  if (isOs && distribution) query.set('distro', `${distribution.id}-${distribution.version}`)
  if (item.source) query.set('upstream', `${item.source.name}@${item.source.version}`)
  const tail = [...query].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}=${encoded(value)}`)
  const path = isOs ? `${encoded(distribution?.id ?? (ecosystem === 'apk' ? 'alpine' : 'debian'))}/` : ''
  return `pkg:${ecosystem}/${path}${nameOf(item)}@${encoded(version)}${tail.length > 0 ? `?${tail.join('&')}` : ''}`
}

function nameOf({ ecosystem, name }: Package): string {
  if (ecosystem === 'pypi') return encoded(name.toLowerCase().replaceAll(/[-_.]+/g, '-'))
  return name.split('/').map(encoded).join('/')
}

function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll('%3A', ':')
}
