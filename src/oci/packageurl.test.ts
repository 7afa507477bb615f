import { expect, test } from 'bun:test'
import { imagePackageUrl } from '#oci'

test.each([
  ['debian', undefined, 'pkg:docker/debian@latest'],
  ['debian:12', { os: 'linux', architecture: 'amd64' }, 'pkg:docker/debian@12?platform=linux%2Famd64'],
  ['localhost:5000/team/app:v1', undefined, 'pkg:docker/localhost%3A5000/team/app@v1'],
  [`app@sha256:${'a'.repeat(64)}`, undefined, `pkg:docker/app?digest=sha256:${'a'.repeat(64)}`],
] as const)('%s', (name, platform, url) => {
  expect(imagePackageUrl(name, platform)).toBe(url)
})
