import type { Entry } from './entry.ts'

export const system: readonly Entry[] = [
  {
    name: 'inspect',
    summary: 'Return low-level information on containers and images',
    load: async () => (await import('../commands/inspect.ts')).inspect,
  },
  {
    name: 'events',
    summary: 'Get real time events of containers, images and volumes',
    also: ['system events'],
    load: async () => (await import('../commands/events.ts')).events,
  },
  {
    name: 'info',
    summary: 'Display system-wide information',
    also: ['system info'],
    load: async () => (await import('../commands/info.ts')).info,
  },
  {
    name: 'doctor',
    summary: 'Check everything Cairn needs of this machine, with the cure for what is missing',
    unprivileged: true,
    load: async () => (await import('../commands/doctor.ts')).doctor,
  },
  {
    name: 'version',
    summary: 'Show the Cairn version information',
    unprivileged: true,
    load: async () => (await import('../commands/version.ts')).version,
  },
  {
    name: 'completion',
    summary: 'Generate the autocompletion script for the specified shell',
    unprivileged: true,
    load: async () => (await import('../commands/completion.ts')).completion,
  },
  {
    name: 'network ls',
    summary: 'List networks',
    also: ['network list'],
    load: async () => (await import('../commands/network.ts')).networkLs,
  },
  {
    name: 'volume create',
    summary: 'Create a volume',
    load: async () => (await import('../commands/volume.ts')).volumeCreate,
  },
  {
    name: 'volume ls',
    summary: 'List volumes',
    also: ['volume list'],
    load: async () => (await import('../commands/volume.ts')).volumeLs,
  },
  {
    name: 'volume inspect',
    summary: 'Display detailed information on one or more volumes',
    load: async () => (await import('../commands/volume.ts')).volumeInspect,
  },
  {
    name: 'volume rm',
    summary: 'Remove one or more volumes',
    also: ['volume remove'],
    load: async () => (await import('../commands/volume.ts')).volumeRm,
  },
  {
    name: 'volume prune',
    summary: 'Remove unused local volumes',
    load: async () => (await import('../commands/prune.ts')).volumePrune,
  },
  {
    name: 'system df',
    summary: 'Show disk usage',
    load: async () => (await import('../commands/df.ts')).df,
  },
  {
    name: 'system prune',
    summary: 'Remove unused data',
    load: async () => (await import('../commands/prune.ts')).systemPrune,
  },
  {
    name: 'system check',
    summary: 'Check everything stored against its digest',
    load: async () => (await import('../commands/check.ts')).check,
  },
  {
    name: '_complete',
    summary: 'Complete a command line; called by the shell',
    hidden: true,
    unprivileged: true,
    load: async () => (await import('../commands/complete.ts')).complete,
  },
]
