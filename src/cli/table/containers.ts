import type { Entry } from './entry.ts'

export const containers: readonly Entry[] = [
  {
    name: 'run',
    summary: 'Create and run a new container from an image',
    also: ['container run'],
    starts: true,
    load: async () => (await import('../commands/run.ts')).run,
  },
  {
    name: 'ps',
    summary: 'List containers',
    also: ['container ls', 'container list', 'container ps'],
    load: async () => (await import('../commands/ps.ts')).ps,
  },
  {
    name: 'exec',
    summary: 'Execute a command in a running container',
    also: ['container exec'],
    starts: true,
    load: async () => (await import('../commands/exec.ts')).exec,
  },
  {
    name: 'logs',
    summary: 'Fetch the logs of a container',
    also: ['container logs'],
    load: async () => (await import('../commands/logs.ts')).logs,
  },
  {
    name: 'create',
    summary: 'Create a new container',
    also: ['container create'],
    load: async () => (await import('../commands/create.ts')).create,
  },
  {
    name: 'start',
    summary: 'Start one or more stopped containers',
    also: ['container start'],
    starts: true,
    load: async () => (await import('../commands/start.ts')).start,
  },
  {
    name: 'stop',
    summary: 'Stop one or more running containers',
    also: ['container stop'],
    load: async () => (await import('../commands/stop.ts')).stop,
  },
  {
    name: 'restart',
    summary: 'Restart one or more containers',
    also: ['container restart'],
    load: async () => (await import('../commands/restart.ts')).restart,
  },
  {
    name: 'kill',
    summary: 'Kill one or more running containers',
    also: ['container kill'],
    load: async () => (await import('../commands/kill.ts')).kill,
  },
  {
    name: 'pause',
    summary: 'Pause all processes within one or more containers',
    also: ['container pause'],
    load: async () => (await import('../commands/pause.ts')).pause,
  },
  {
    name: 'unpause',
    summary: 'Unpause all processes within one or more containers',
    also: ['container unpause'],
    load: async () => (await import('../commands/pause.ts')).unpause,
  },
  {
    name: 'wait',
    summary: 'Block until one or more containers stop, then print their exit codes',
    also: ['container wait'],
    load: async () => (await import('../commands/wait.ts')).wait,
  },
  {
    name: 'attach',
    summary: 'Attach to a running container; with --artifact-type, attach files to an image',
    also: ['container attach'],
    load: async () => (await import('../commands/attach.ts')).attach,
  },
  {
    name: 'rename',
    summary: 'Rename a container',
    also: ['container rename'],
    load: async () => (await import('../commands/rename.ts')).rename,
  },
  {
    name: 'rm',
    summary: 'Remove one or more containers',
    also: ['container rm', 'container remove'],
    load: async () => (await import('../commands/rm.ts')).rm,
  },
  {
    name: 'export',
    summary: "Export a container's filesystem as a tar archive",
    also: ['container export'],
    load: async () => (await import('../commands/export.ts')).exportContainer,
  },
  {
    name: 'container inspect',
    summary: 'Display detailed information on one or more containers',
    load: async () => (await import('../commands/inspect.ts')).containerInspect,
  },
  {
    name: 'container prune',
    summary: 'Remove all stopped containers',
    load: async () => (await import('../commands/prune.ts')).containerPrune,
  },
  {
    name: '_exit',
    summary: 'Finish an exited container; called by its monitor',
    hidden: true,
    load: async () => (await import('../commands/exited.ts')).exited,
  },
]
