import { digestOf, hexOf } from '#oci'
import type { Digest } from '#oci'
import { utf8 } from '#base'
import type { Package } from '../types.ts'
import type { Catalog } from './catalog/catalog.ts'
import { packageUrl } from './purl.ts'

/** What an SPDX document says of itself. */
export interface SpdxOptions {
  /** What is described, as people call it. */
  readonly name: string
  /** Digest of the image's config: names the content whatever the layers' compression. */
  readonly image: Digest
  /** RFC 3339, whole seconds. */
  readonly created: string
  /** `cairn-0.1.0`. */
  readonly tool: string
}

/**
 * A catalog as an SPDX 2.3 document (https://spdx.github.io/spdx-spec/v2.3). The same content gives the same bytes: the
 * namespace is made of the image's digest, and nothing is random.
 */
export async function spdxDocument(catalog: Catalog, options: SpdxOptions): Promise<object> {
  const described = 'SPDXRef-DocumentRoot-Image'
  const packages: object[] = [
    {
      name: options.name,
      SPDXID: described,
      downloadLocation: 'NOASSERTION',
      filesAnalyzed: false,
      primaryPackagePurpose: 'CONTAINER',
      checksums: [{ algorithm: 'SHA256', checksumValue: hexOf(options.image) }],
    },
  ]
  const relationships = [related('SPDXRef-DOCUMENT', 'DESCRIBES', described)]
  const extracted = new Map<string, string>()
  for (const item of catalog.packages) {
    const purl = packageUrl(item, catalog.distribution)
    const id = `SPDXRef-Package-${item.ecosystem}-${safe(item.name)}-${hexOf(await digestOf(utf8(purl + item.path))).slice(0, 16)}`
    packages.push(packageOf(item, { id, purl, extracted }))
    relationships.push(related(described, 'CONTAINS', id))
  }
  const licenses = [...extracted].toSorted(([a], [b]) => (a < b ? -1 : 1))
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: options.name,
    documentNamespace: `https://spdx.org/spdxdocs/${safe(options.name)}-${hexOf(options.image)}`,
    creationInfo: { created: options.created, creators: [`Tool: ${options.tool}`] },
    packages,
    relationships,
    ...(licenses.length > 0
      ? {
          hasExtractedLicensingInfos: licenses.map(([name, id]) => ({ licenseId: id, name, extractedText: name })),
        }
      : {}),
  }
}

function packageOf(
  item: Package,
  about: { readonly id: string; readonly purl: string; readonly extracted: Map<string, string> },
): object {
  const { source, supplier } = item
  const sourceInfo = `acquired package info from ${item.ecosystem} database: /${item.path}`
  return {
    name: item.name,
    SPDXID: about.id,
    versionInfo: item.version,
    ...(supplier ? { supplier: `${/@/.test(supplier) ? 'Person' : 'Organization'}: ${agent(supplier)}` } : {}),
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    ...(item.homepage ? { homepage: item.homepage } : {}),
    sourceInfo: source ? `${sourceInfo}; built from ${source.name} ${source.version}` : sourceInfo,
    licenseConcluded: 'NOASSERTION',
    licenseDeclared: declared(item.licenses, about.extracted),
    copyrightText: 'NOASSERTION',
    externalRefs: [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: about.purl }],
  }
}

/** SPDX writes `Person: name (email)`. */
function agent(text: string): string {
  return text
    .replace(/\s*<([^>]*)>.*$/s, ' ($1)')
    .replaceAll(/\s+/g, ' ')
    .trim()
}

function related(from: string, relationshipType: string, to: string): object {
  return { spdxElementId: from, relatedSpdxElement: to, relationshipType }
}

/** An expression of what the package says: each name, those that SPDX does not list by a reference. */
function declared(licenses: readonly string[], extracted: Map<string, string>): string {
  if (licenses.length === 0) return 'NOASSERTION'
  const terms = licenses.map((license) => {
    if (isExpression(license)) return /\s/.test(license) && licenses.length > 1 ? `(${license})` : license
    const known = COMMON[license.toLowerCase()]
    if (known) return known
    const id = `LicenseRef-${safe(license)}`
    extracted.set(license, id)
    return id
  })
  return [...new Set(terms)].join(' AND ')
}

/** Identifiers that SPDX lists, alone or in an expression; those in use, not all six hundred. */
const LISTED =
  /^(?:0BSD|AFL-[\d.]+|AGPL-\d\.\d(?:-only|-or-later)?|Apache-[\d.]+|Artistic-[\d.]+|BSD-[1234]-Clause(?:-[A-Za-z]+)?|BSL-1\.0|bzip2-1\.0\.6|CC0-1\.0|CC-BY(?:-SA)?-[\d.]+|curl|FTL|GFDL-\d\.\d(?:-[a-z-]+)?|GPL-\d\.\d(?:-only|-or-later|\+)?|HPND|ICU|IJG|ISC|LGPL-\d\.\d(?:-only|-or-later|\+)?|Libpng|MIT|MIT-0|MPL-[\d.]+|NCSA|OFL-1\.1|OpenSSL|PostgreSQL|PSF-2\.0|Python-2\.0|Ruby|Unicode-3\.0|Unlicense|Vim|W3C|WTFPL|X11|Zlib|ZPL-2\.1)$/

function isExpression(text: string): boolean {
  const words = text.replaceAll(/[()]/g, ' ').trim().split(/\s+/)
  return words.every((word, i) =>
    i % 2 === 1 ? /^(?:AND|OR|WITH)$/.test(word) : LISTED.test(word) || words[i - 1] === 'WITH',
  )
}

/** Debian's short names (DEP-5) and what people write, in SPDX's words. */
const COMMON: Readonly<Record<string, string>> = {
  'gpl-1': 'GPL-1.0-only',
  'gpl-1+': 'GPL-1.0-or-later',
  'gpl-2': 'GPL-2.0-only',
  'gpl-2+': 'GPL-2.0-or-later',
  'gpl-3': 'GPL-3.0-only',
  'gpl-3+': 'GPL-3.0-or-later',
  'lgpl-2': 'LGPL-2.0-only',
  'lgpl-2+': 'LGPL-2.0-or-later',
  'lgpl-2.1': 'LGPL-2.1-only',
  'lgpl-2.1+': 'LGPL-2.1-or-later',
  'lgpl-3': 'LGPL-3.0-only',
  'lgpl-3+': 'LGPL-3.0-or-later',
  'bsd-2-clause': 'BSD-2-Clause',
  'bsd-3-clause': 'BSD-3-Clause',
  expat: 'MIT',
  'apache 2.0': 'Apache-2.0',
  'apache license 2.0': 'Apache-2.0',
  'mit license': 'MIT',
  zlib: 'Zlib',
  isc: 'ISC',
}

function safe(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9.-]+/g, '-').replaceAll(/^-+|-+$/g, '') || 'unnamed'
}
