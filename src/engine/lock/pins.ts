import { basename } from 'node:path'
import { fail, type Call } from '#base'
import type { BuildHost, BuildResult } from '#build'
import type { OpenedImage } from '#image'
import { familiarRepository, formatPlatform, parseReference, type Digest, type Platform } from '#oci'
import { EMPTY, readLock, writeLock } from './file.ts'
import type { LockRequest, SourceLock } from './types.ts'

type ResolveImage = BuildHost['resolveImage']

/** A lock file during a build: gives what is pinned, and gathers what was found. */
export class Pins implements NonNullable<BuildHost['pins']> {
  readonly #request: LockRequest
  readonly #lock: SourceLock
  readonly #images: Record<string, Record<string, Digest>>

  constructor(request: LockRequest) {
    this.#request = request
    const lock = readLock(request.file)
    if (!lock && request.mode === 'enforce')
      fail('not_found', `there is no ${request.file}`, { hint: 'make it: cairn build --lock' })
    this.#lock = lock ?? EMPTY
    this.#images = Object.fromEntries(Object.entries(this.#lock.images).map(([ref, by]) => [ref, { ...by }]))
  }

  git(remote: string, ref: string): string | undefined {
    const name = `${remote}#${ref}`
    return own(this.#lock.git, name) ?? this.#missing(name)
  }

  http(url: string): Digest | undefined {
    return own(this.#lock.http, url) ?? this.#missing(url)
  }

  /** Finds images as the lock has them. `rootOf` tells what a name leads to here, index or manifest. */
  resolver(resolve: ResolveImage, rootOf: (ref: string, image: OpenedImage) => Promise<Digest>): ResolveImage {
    return async (ref: string, platform: Platform, call?: Call) => {
      const { digest, tag: _, ...repository } = parseReference(ref)
      if (digest !== undefined) return resolve(ref, platform, call)
      const name = formatPlatform(platform)
      const pinned = own(own(this.#images, ref) ?? {}, name) ?? this.#missing(`${ref} for ${name}`)
      if (pinned !== undefined) return resolve(`${familiarRepository(repository)}@${pinned}`, platform, call)
      const image = await resolve(ref, platform, call)
      ;(this.#images[ref] ??= {})[name] = await rootOf(ref, image)
      return image
    }
  }

  /** Writes down what a build has read. Entries for what it did not read stay: another target may. */
  async save({ sources }: BuildResult): Promise<boolean> {
    if (this.#request.mode === 'enforce') return false
    // Read again: another build may have written since.
    const { images, ...lock } = readLock(this.#request.file) ?? EMPTY
    const git = sources.flatMap(({ kind, uri, ref = 'HEAD', digest }) =>
      kind === 'git' ? [[`${uri}#${ref}`, digest] as const] : [],
    )
    const http = sources.flatMap(({ kind, uri, digest }) => (kind === 'http' ? [[uri, digest as Digest] as const] : []))
    return await writeLock(this.#request.file, {
      images: { ...images, ...this.#images },
      git: { ...lock.git, ...Object.fromEntries(git) },
      http: { ...lock.http, ...Object.fromEntries(http) },
    })
  }

  #missing(what: string): undefined {
    if (this.#request.mode === 'enforce')
      fail('failed_precondition', `${what} is not in ${basename(this.#request.file)}`, {
        hint: 'add it: cairn build --lock',
      })
    return undefined
  }
}

function own<T>(map: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined
}
