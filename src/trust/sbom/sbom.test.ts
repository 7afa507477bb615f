import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { FileTree } from '#image'
import { utf8 } from '#base'
import { catalogPackages } from './catalog/catalog.ts'
import { licensesIn } from './catalog/dpkg.ts'
import { packageUrl } from './purl.ts'
import { spdxDocument } from './spdx.ts'

/** A file system in a map. */
function tree(files: Readonly<Record<string, string>>): FileTree {
  const entry = (path: string) =>
    path in files ? ({ type: 'file', path, size: utf8(files[path]!).length } as never) : undefined
  return {
    stat: entry,
    resolve: entry,
    list: (path) =>
      Object.keys(files)
        .filter((name) => name.startsWith(`${path}/`) && !name.slice(path.length + 1).includes('/'))
        .map((name) => name.slice(path.length + 1)),
    entries: () => Object.keys(files).map((path) => entry(path)!),
    readFile: async (path) => utf8(files[path]!),
  }
}

const DEBIAN = {
  'etc/os-release': 'PRETTY_NAME="Debian"\nID=debian\nVERSION_ID="12"\n',
  'var/lib/dpkg/status': `Package: bash
Status: install ok installed
Architecture: amd64
Maintainer: Matthias Klose <doko@debian.org>
Version: 5.2.15-2+b8
Source: bash (5.2.15-2)
Description: shell
 more
 .
 words
Homepage: https://www.gnu.org/

Package: gone
Status: deinstall ok config-files
Version: 1

Package: tzdata
Status: install ok installed
Architecture: all
Version: 2024a-0
`,
  'usr/share/doc/bash/copyright': 'see /usr/share/common-licenses/GPL-3.\n',
  'usr/share/doc/tzdata/copyright':
    'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nFiles: *\nLicense: public-domain\n free\n\nFiles: x\nLicense: GPL-2+ or Expat\n',
  'var/lib/dpkg/status.d/base': 'Package: base-files\nVersion: 12.4\nArchitecture: amd64\n',
  'var/lib/dpkg/status.d/base.md5sums': 'nothing',
}

test('Debian: what is installed, with sources and licences', async () => {
  const { distribution, packages } = await catalogPackages(tree(DEBIAN))
  expect(distribution).toEqual({ id: 'debian', version: '12' })
  expect(packages.map((item) => packageUrl(item, distribution))).toEqual([
    'pkg:deb/debian/base-files@12.4?arch=amd64&distro=debian-12',
    'pkg:deb/debian/bash@5.2.15-2%2Bb8?arch=amd64&distro=debian-12&upstream=bash%405.2.15-2',
    'pkg:deb/debian/tzdata@2024a-0?arch=all&distro=debian-12',
  ])
  expect(packages.map(({ licenses }) => licenses)).toEqual([[], ['GPL-3'], ['Expat', 'GPL-2+', 'public-domain']])
})

test('Alpine, npm and Python', async () => {
  const { distribution, packages } = await catalogPackages(
    tree({
      'usr/lib/os-release': 'ID=alpine\nVERSION_ID=3.20.1\n',
      'lib/apk/db/installed':
        'C:Q1abc=\nP:musl\nV:1.2.5-r0\nA:x86_64\nL:MIT\nU:https://musl.libc.org/\no:musl\n\nP:libssl3\nV:3.3.1-r0\nA:x86_64\nL:Apache-2.0\no:openssl\n\n',
      'app/node_modules/@a/b/package.json': '{"name":"@a/b","version":"1.0.0","license":"(MIT OR Apache-2.0)"}',
      'app/node_modules/broken/package.json': '{"name":',
      'app/node_modules/b/lib/package.json': '{"name":"inner","version":"1"}',
      'usr/lib/python3/dist-packages/Typing_Ext-4.dist-info/METADATA':
        'Metadata-Version: 2.1\nName: Typing_Ext\nVersion: 4.0\nLicense: PSF-2.0\n\nName: a trap\n',
    }),
  )
  expect(packages.map((item) => packageUrl(item, distribution))).toEqual([
    'pkg:apk/alpine/libssl3@3.3.1-r0?arch=x86_64&distro=alpine-3.20.1&upstream=openssl%403.3.1-r0',
    'pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64&distro=alpine-3.20.1',
    'pkg:npm/%40a/b@1.0.0',
    'pkg:pypi/typing-ext@4.0',
  ])
})

interface Spdx {
  readonly packages: readonly { readonly SPDXID: string; readonly licenseDeclared?: string }[]
  readonly relationships: readonly { readonly spdxElementId: string; readonly relatedSpdxElement: string }[]
  readonly hasExtractedLicensingInfos?: readonly { readonly licenseId: string }[]
}

const options = {
  name: 'app:1',
  image: 'sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
  created: '1970-01-01T00:00:00Z',
  tool: 'cairn',
} as const

test('SPDX: every reference has what it refers to, and the same content the same bytes', async () => {
  const document = (await spdxDocument(await catalogPackages(tree(DEBIAN)), options)) as Spdx
  const ids = new Set(['SPDXRef-DOCUMENT', ...document.packages.map(({ SPDXID }) => SPDXID)])
  expect(ids.size).toBe(document.packages.length + 1)
  for (const { spdxElementId, relatedSpdxElement } of document.relationships)
    expect([ids.has(spdxElementId), ids.has(relatedSpdxElement)]).toEqual([true, true])
  expect(document.packages.map(({ licenseDeclared }) => licenseDeclared)).toEqual([
    undefined,
    'NOASSERTION',
    'GPL-3.0-only',
    'MIT AND GPL-2.0-or-later AND LicenseRef-public-domain',
  ])
  expect(document.hasExtractedLicensingInfos?.map(({ licenseId }) => licenseId)).toEqual(['LicenseRef-public-domain'])
  expect(JSON.stringify(await spdxDocument(await catalogPackages(tree(DEBIAN)), options))).toBe(
    JSON.stringify(document),
  )
})

test('whatever stands in a database, it is read or left out', async () => {
  const junk = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom('P:', 'V:', '\n', ' ', 'Package: ', 'Version: ', 'x', ':') }),
  )
  await fc.assert(
    fc.asyncProperty(junk, junk, async (one, two) => {
      const files = {
        'var/lib/dpkg/status': one,
        'lib/apk/db/installed': two,
        'node_modules/a/package.json': one,
        'a.egg-info': two,
      }
      const document = (await spdxDocument(await catalogPackages(tree(files)), options)) as Spdx
      expect(new Set(document.packages.map(({ SPDXID }) => SPDXID)).size).toBe(document.packages.length)
      expect(licensesIn(one)).toBeArray()
    }),
  )
})
