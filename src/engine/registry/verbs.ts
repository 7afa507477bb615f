import { fail, isCode } from '#base'
import { readDocument } from '#content'
import { parseReference } from '#oci'
import { login, logout, logoutAll, registryEndpoint } from '#registry/client'
import type { Parts } from '../parts.ts'
import { hasTransport, parseLocation } from '../transport/location.ts'
import type { Registries } from '../types.ts'

/** What is asked of registries besides pull and push. */
export function registryVerbs(parts: Parts): Registries {
  return {
    async login(server, { username, password }, call) {
      const { host, config, connect } = await parts.registries()
      const domain = domainOf(server)
      return login(
        host,
        registryEndpoint(domain, config),
        domain,
        { kind: 'basic', username, password },
        { connect },
        call,
      )
    },
    async logout(server, call) {
      return logout((await parts.registries()).host, domainOf(server), {}, call)
    },
    async logoutAll(call) {
      return logoutAll((await parts.registries()).host, {}, call)
    },
    async *tags(name, call) {
      const { openSource } = await import('../transport/open.ts')
      if (!hasTransport(name) || name.startsWith('docker://')) repositoryAlone(name.replace(/^docker:\/\//, ''))
      await using source = await openSource(parts, name, { plain: 'registry' }, call)
      yield* source.tags?.(call) ?? fail('invalid_argument', `${name} is one image, not a repository`)
    },
    async delete(name, options, call) {
      const { repositoryOf } = await import('../transport/registry.ts')
      const location = parseLocation(name, 'registry')
      if (location.kind !== 'registry')
        fail('invalid_argument', `${name} is in no registry`, { hint: "'cairn rmi' removes images that are here" })
      const { reference } = location
      const ref = reference.digest ?? reference.tag ?? fail('invalid_argument', `${name}: give a tag or digest`)
      const repository = await repositoryOf(parts, reference, options ?? {})
      await repository.delete(ref, call).catch((error: unknown) => {
        if (reference.digest === undefined && NO_TAG_DELETION.some((code) => isCode(error, code)))
          fail('unimplemented', `the registry of ${name} deletes no tags`, {
            cause: error,
            hint: `delete the manifest, with all its tags: ${repository.name}@sha256:...`,
          })
        throw error
      })
    },
    async manifest(name, options, call) {
      const { openSource } = await import('../transport/open.ts')
      const insecure = options?.insecure ? { insecure: true } : {}
      await using source = await openSource(parts, name, { plain: 'registry', ...insecure }, call)
      const { root, from } = await source.find({}, call)
      const descriptor = options?.entry ?? root
      return { descriptor, bytes: await readDocument(from, descriptor, call) }
    },
    serve: async (request, call) => (await import('./serve.ts')).serve(parts, request, call),
    collect: async (request, call) => (await import('./serve.ts')).collect(parts, request, call),
    serveStdio: async (input, output) => (await import('./stdio/serve.ts')).serveStdio(parts, input, output),
    check: async (request, onResult, call) => (await import('./check.ts')).check(parts, request, onResult, call),
  }
}

/** Older registries and those that have it switched off: 405, or 400 since a tag is not a digest. */
const NO_TAG_DELETION = ['unimplemented', 'invalid_argument', 'data_loss'] as const

function repositoryAlone(name: string): void {
  const reference = parseReference(name)
  if (reference.tag !== undefined || reference.digest !== undefined)
    fail('invalid_argument', `${name} has a tag or digest: give the repository alone`)
}

/** `https://registry.example/v1/`, as Docker's users write it, is its host. */
function domainOf(server: string): string {
  const domain = server.replace(/^https?:\/\//, '').split('/', 1)[0] ?? ''
  if (!/^[^\s@?#]+$/.test(domain)) fail('invalid_argument', `not the address of a registry: ${JSON.stringify(server)}`)
  return domain === 'index.docker.io' || domain === 'registry-1.docker.io' ? 'docker.io' : domain
}
