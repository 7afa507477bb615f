import type { Call } from '#base'
import type { Parts } from '../parts.ts'
import { parseLocation, type Plain } from './location.ts'
import type { Destination, Source } from './types.ts'

export interface OpenLocation {
  /** What a name without a transport is. Default: an image of the local store. */
  readonly plain?: Plain
  /** Certificates of the registry need not be valid, and it may speak plain HTTP. */
  readonly insecure?: boolean
}

/** Opens what a name means, to read: see {@link parseLocation} for the names. */
export async function openSource(parts: Parts, name: string, options: OpenLocation = {}, call?: Call): Promise<Source> {
  const location = parseLocation(name, options.plain)
  switch (location.kind) {
    case 'registry':
      return (await import('./registry.ts')).registrySource(parts, name, location.reference, options)
    case 'oci':
      return (await import('./layout.ts')).layoutSource(name, location)
    case 'oci-archive':
    case 'docker-archive':
      return (await import('./archive.ts')).archiveSource(parts, name, location, call)
    case 'docker-daemon':
      return (await import('./daemon.ts')).daemonSource(parts, name, location.ref, call)
    case 'containers-storage':
      return (await import('./containersstorage.ts')).containersStorageSource(parts, name, location.ref, call)
    case 'ssh':
      return (await import('./ssh.ts')).sshSource(name, location)
    case 'store':
      return (await import('./store.ts')).storeSource(parts, name, location.ref)
  }
}

/** Opens what a name means, to write. */
export async function openDestination(parts: Parts, name: string, options: OpenLocation = {}): Promise<Destination> {
  const location = parseLocation(name, options.plain)
  switch (location.kind) {
    case 'registry':
      return (await import('./registry.ts')).registryDestination(parts, name, location.reference, options)
    case 'oci':
      return (await import('./layout.ts')).layoutDestination(name, location)
    case 'oci-archive':
    case 'docker-archive':
      return (await import('./archive.ts')).archiveDestination(name, location)
    case 'docker-daemon':
      return (await import('./daemon.ts')).daemonDestination(name, location.ref)
    case 'containers-storage':
      return (await import('./containersstorage.ts')).containersStorageDestination(parts, name, location.ref)
    case 'ssh':
      return (await import('./ssh.ts')).sshDestination(name, location)
    case 'store':
      return (await import('./store.ts')).storeDestination(parts, name, location.ref)
  }
}
