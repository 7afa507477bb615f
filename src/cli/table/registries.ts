import type { Entry } from './entry.ts'

export const registries: readonly Entry[] = [
  {
    name: 'pull',
    summary: 'Download an image from a registry, or from another machine: ssh://HOST/NAME',
    also: ['image pull'],
    load: async () => (await import('../commands/pull.ts')).pull,
  },
  {
    name: 'push',
    summary: 'Upload an image to a registry, or to another machine: ssh://HOST/NAME',
    also: ['image push'],
    load: async () => (await import('../commands/push.ts')).push,
  },
  {
    name: 'copy',
    summary: 'Copy an image between registries, layouts, archives, daemons and the store',
    also: ['image copy'],
    load: async () => (await import('../commands/copy.ts')).copy,
  },
  {
    name: 'login',
    summary: 'Authenticate to a registry',
    unprivileged: true,
    load: async () => (await import('../commands/login.ts')).login,
  },
  {
    name: 'logout',
    summary: 'Log out from a registry',
    unprivileged: true,
    load: async () => (await import('../commands/login.ts')).logout,
  },
  {
    name: 'tags',
    summary: 'List the tags of a repository in its registry',
    unprivileged: true,
    load: async () => (await import('../commands/tags.ts')).tags,
  },
  {
    name: 'delete',
    summary: 'Delete a tag, or a manifest by its digest, from its registry',
    unprivileged: true,
    load: async () => (await import('../commands/delete.ts')).deleteImage,
  },
  {
    name: 'discover',
    summary: 'Show the tree of what refers to an image',
    load: async () => (await import('../commands/discover.ts')).discover,
  },
  {
    name: 'referrers',
    summary: 'List what refers to an image',
    load: async () => (await import('../commands/discover.ts')).referrers,
  },
  {
    name: 'artifact attach',
    summary: 'Attach files to an image: an SBOM, a signature, a scan report',
    load: async () => (await import('../commands/artifact.ts')).artifactAttach,
  },
  {
    name: 'artifact push',
    summary: 'Push files to a registry under a name of their own',
    load: async () => (await import('../commands/artifact.ts')).artifactPush,
  },
  {
    name: 'artifact pull',
    summary: 'Write the files of an artifact into a directory',
    load: async () => (await import('../commands/artifact.ts')).artifactPull,
  },
  {
    name: 'serve',
    summary: "Serve this machine's images on standard input and output",
    load: async () => (await import('../commands/serve.ts')).serve,
  },
  {
    name: 'registry serve',
    summary: 'Serve a registry',
    load: async () => (await import('../commands/registry/serve.ts')).registryServe,
  },
  {
    name: 'registry gc',
    summary: 'Remove what a registry no longer needs',
    load: async () => (await import('../commands/registry/gc.ts')).registryGc,
  },
  {
    name: 'registry htpasswd',
    summary: "Add, change or remove a user in a registry's password file",
    load: async () => (await import('../commands/registry/htpasswd.ts')).registryHtpasswd,
  },
  {
    name: 'registry check',
    summary: 'Check any registry against the distribution-spec',
    unprivileged: true,
    load: async () => (await import('../commands/registry/check.ts')).registryCheck,
  },
]
