import { utf8 } from '#base'
import { formatPlatform, hexOf, hostPlatform } from '#oci'
import { digestText } from '../digest.ts'
import { dependencies } from './dependencies.ts'
import { digestSet, withoutCredentials } from './names.ts'
import { buildSteps } from './steps.ts'
import type { BuildOrigin, ImageOrigin, ProvenanceOptions } from './types.ts'

/** What our predicates mean: docs/formats/provenance.md. */
const BUILD_TYPE = 'urn:cairn:build:dockerfile:v1'

/**
 * How an image was made, as SLSA v1.0 provenance (https://slsa.dev/spec/v1.0/provenance). It has no times and no
 * random identifiers: the same source gives the same provenance. Secrets are named by their ids alone.
 */
export function provenance(
  origin: BuildOrigin,
  image: ImageOrigin,
  { mode, builderId = '' }: ProvenanceOptions,
): object {
  const full = mode === 'max'
  const resolved = dependencies(origin)
  return {
    buildDefinition: {
      buildType: BUILD_TYPE,
      externalParameters: { configSource: configSource(origin), request: request(origin, image, full) },
      internalParameters: {
        builderPlatform: formatPlatform(hostPlatform()),
        ...(full ? { buildConfig: { steps: buildSteps(image.vertex) } } : {}),
      },
      ...(resolved.length > 0 ? { resolvedDependencies: resolved } : {}),
    },
    runDetails: {
      builder: { id: builderId },
      metadata: {
        buildkit_completeness: { request: full, resolvedDependencies: false },
        buildkit_metadata: metadata(origin, full),
      },
    },
  }
}

function configSource({ options, sources, dockerfile }: BuildOrigin): object {
  const remote = sources.find(({ uri }) => uri.split('#')[0] === withoutCredentials(options.context).split('#')[0])
  const { uri, digest } = remote ?? { uri: undefined, digest: undefined }
  return {
    ...(uri === undefined ? {} : { uri }),
    digest: uri === undefined ? { sha256: hexOf(digestText(dockerfile.text)) } : digestSet(digest!),
    path: dockerfile.name,
  }
}

function request({ options, locals }: BuildOrigin, { platform }: ImageOrigin, full: boolean): object {
  const args: Record<string, string> = options.target === undefined ? {} : { target: options.target }
  if (full) {
    args['platform'] = formatPlatform(platform)
    if (options.network !== undefined) args['force-network-mode'] = options.network
    for (const [name, value] of Object.entries(options.buildArgs ?? {}))
      if (!isProxy(name)) args[`build-arg:${name}`] = value
    for (const [name, value] of Object.entries(options.labels ?? {})) args[`label:${name}`] = value
    for (const [name, value] of Object.entries(options.contexts ?? {}))
      args[`context:${name}`] = typeof value === 'string' ? withoutCredentials(value) : value.descriptor.digest
  }
  const ids = (all: object | undefined): object[] =>
    Object.keys(all ?? {})
      .toSorted()
      .map((id) => ({ id, optional: true }))
  return {
    frontend: 'dockerfile.v0',
    args: Object.fromEntries(Object.entries(args).toSorted(([a], [b]) => (a < b ? -1 : 1))),
    ...(full && options.secrets ? { secrets: ids(options.secrets) } : {}),
    ...(full && options.ssh ? { ssh: ids(options.ssh) } : {}),
    locals: [...locals.keys()].toSorted().map((name) => ({ name })),
  }
}

/** BuildKit's names for what a viewer shows. */
function metadata({ dockerfile, revision }: BuildOrigin, full: boolean): object {
  const data = utf8(dockerfile.text).toBase64()
  return {
    ...(revision
      ? { vcs: { revision: revision.commit, ...(revision.remote ? { source: revision.remote } : {}) } }
      : {}),
    ...(full ? { source: { infos: [{ filename: dockerfile.name, language: 'Dockerfile', data }] } } : {}),
  }
}

function isProxy(name: string): boolean {
  return /^(?:https?|ftp|no|all)_proxy$/i.test(name)
}
