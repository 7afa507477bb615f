import type { Entry } from './entry.ts'

export const builds: readonly Entry[] = [
  {
    name: 'build',
    summary: 'Build an image from a Dockerfile',
    also: ['image build', 'builder build', 'buildx build'],
    load: async () => (await import('../commands/build.ts')).build,
  },
  {
    name: 'lock update',
    summary: 'Ask again what the names in a lock file mean, and show what changed',
    load: async () => (await import('../commands/lock.ts')).lockUpdate,
  },
  {
    name: 'verify-build',
    summary: 'Build an image again from its provenance, and compare',
    load: async () => (await import('../commands/verifybuild.ts')).verifyBuild,
  },
  {
    name: 'bake',
    summary: 'Build the targets of a file',
    also: ['buildx bake'],
    load: async () => (await import('../commands/bake.ts')).bake,
  },
  {
    name: 'builder prune',
    summary: 'Remove build cache',
    also: ['buildx prune'],
    load: async () => (await import('../commands/builder.ts')).builderPrune,
  },
  {
    name: 'builder du',
    summary: 'Show what the build cache takes',
    also: ['buildx du'],
    load: async () => (await import('../commands/builder.ts')).builderDu,
  },
  {
    name: 'cache-mount ls',
    summary: 'List what RUN --mount=type=cache keeps',
    load: async () => (await import('../commands/cachemount.ts')).cacheMountLs,
  },
  {
    name: 'cache-mount export',
    summary: 'Write a cache mount to a tar archive',
    load: async () => (await import('../commands/cachemount.ts')).cacheMountExport,
  },
  {
    name: 'cache-mount import',
    summary: 'Fill a cache mount from a tar archive',
    load: async () => (await import('../commands/cachemount.ts')).cacheMountImport,
  },
  {
    name: 'cache-mount rm',
    summary: 'Remove cache mounts',
    load: async () => (await import('../commands/cachemount.ts')).cacheMountRm,
  },
]
