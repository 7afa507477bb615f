import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fail, type Call } from '#base'
import type { BuildHost } from '#build'
import { createHasher } from '#codec'
import { familiarRepository, imagePackageUrl, parseReference, type Digest } from '#oci'
import type { BuildRequest } from '../request.ts'
import type { RecordedBuild } from './read.ts'

type ResolveImage = BuildHost['resolveImage']

/** What a caller has to give because it is not recorded: local paths, secrets, and arguments of a `min` provenance. */
export type RepeatOptions = Partial<BuildRequest>

/** The recorded build as a request. What is given goes before what is recorded. */
export function repeatRequest(recorded: RecordedBuild, given: RepeatOptions): BuildRequest {
  const { configSource, request } = recorded.externalParameters
  const args = Object.entries(request.args)
  const withPrefix = (prefix: string): Record<string, string> =>
    Object.fromEntries(
      args.flatMap(([key, value]) => (key.startsWith(prefix) ? [[key.slice(prefix.length), value]] : [])),
    )
  const { target, platform, 'force-network-mode': network } = request.args
  return {
    ...(target === undefined ? {} : { target }),
    ...(platform === undefined ? {} : { platforms: [platform] }),
    ...(network === 'none' || network === 'host' ? { network } : {}),
    labels: withPrefix('label:'),
    ...given,
    buildArgs: { ...withPrefix('build-arg:'), ...given.buildArgs },
    contexts: { ...withPrefix('context:'), ...given.contexts },
    ...source(configSource, given),
  }
}

/** Where the Dockerfile is; of a local context, whether it is the same one. */
function source(
  { uri, path, digest }: RecordedBuild['externalParameters']['configSource'],
  given: RepeatOptions,
): Pick<BuildRequest, 'context' | 'dockerfile'> {
  if (uri !== undefined && given.context === undefined) return { context: uri, dockerfile: given.dockerfile ?? path }
  const context =
    given.context ??
    fail('invalid_argument', 'the image was built from a directory, which nobody recorded', {
      hint: 'give its path: cairn verify-build IMAGE PATH',
    })
  const beside = join(context, path)
  const dockerfile = given.dockerfile ?? (existsSync(beside) ? beside : undefined)
  const expected = digest['sha256']
  if (dockerfile !== undefined && expected !== undefined && uri === undefined && sha256(dockerfile) !== expected)
    fail('failed_precondition', `${dockerfile} is not the Dockerfile that the image was built from`, {
      hint: 'check out the source as it was then',
    })
  return { context, ...(dockerfile === undefined ? {} : { dockerfile }) }
}

function sha256(path: string): string {
  const hasher = createHasher('sha256')
  hasher.update(readFileSync(path))
  return hasher.digest().slice('sha256:'.length)
}

/** Everything from outside as it was found then. */
export function recordedPins({ resolvedDependencies = [] }: RecordedBuild): {
  readonly pins: NonNullable<BuildHost['pins']>
  readonly resolver: (resolve: ResolveImage) => ResolveImage
} {
  const digests = new Map(resolvedDependencies.map(({ uri, digest }) => [uri, digest]))
  return {
    pins: {
      git: (remote) => digests.get(remote)?.['sha1'] ?? digests.get(remote)?.['sha256'],
      http: (url) => digestOf(digests.get(url)?.['sha256']),
    },
    resolver: (resolve) => (ref, platform, call?: Call) => {
      const pinned = digestOf(digests.get(imagePackageUrl(ref, platform))?.['sha256'])
      const { digest, tag: _, ...repository } = parseReference(ref)
      if (digest !== undefined || pinned === undefined) return resolve(ref, platform, call)
      return resolve(`${familiarRepository(repository)}@${pinned}`, platform, call)
    },
  }
}

function digestOf(hex: string | undefined): Digest | undefined {
  return hex === undefined ? undefined : `sha256:${hex}`
}
