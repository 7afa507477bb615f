import type { Command } from './command.ts'

/** A command's place in the table: enough to list it; the rest is loaded when it is needed. */
export interface Entry {
  /** `ps`, or two words: `system df`. */
  readonly name: string
  readonly summary: string
  /** Docker's management forms of the same command. */
  readonly also?: readonly string[]
  readonly hidden?: boolean
  /** Starts a process in a container: what that waits for is begun before anything else is read. */
  readonly starts?: boolean
  /** Is run as the user that one is, root or not. */
  readonly unprivileged?: boolean
  readonly load: () => Promise<Command>
}

/** Every command, in the order of `cairn --help`. Each is one chunk of the binary, read on use. */
export const table: readonly Entry[] = [
  {
    name: 'run',
    summary: 'Create and run a new container from an image',
    also: ['container run'],
    starts: true,
    load: async () => (await import('./commands/run.ts')).run,
  },
  {
    name: 'build',
    summary: 'Build an image from a Dockerfile',
    also: ['image build', 'builder build', 'buildx build'],
    load: async () => (await import('./commands/build.ts')).build,
  },
  {
    name: 'lock update',
    summary: 'Ask again what the names in a lock file mean, and show what changed',
    load: async () => (await import('./commands/lock.ts')).lockUpdate,
  },
  {
    name: 'verify-build',
    summary: 'Build an image again from its provenance, and compare',
    load: async () => (await import('./commands/verifybuild.ts')).verifyBuild,
  },
  {
    name: 'bake',
    summary: 'Build the targets of a file',
    also: ['buildx bake'],
    load: async () => (await import('./commands/bake.ts')).bake,
  },
  {
    name: 'ps',
    summary: 'List containers',
    also: ['container ls', 'container list', 'container ps'],
    load: async () => (await import('./commands/ps.ts')).ps,
  },
  {
    name: 'exec',
    summary: 'Execute a command in a running container',
    also: ['container exec'],
    starts: true,
    load: async () => (await import('./commands/exec.ts')).exec,
  },
  {
    name: 'logs',
    summary: 'Fetch the logs of a container',
    also: ['container logs'],
    load: async () => (await import('./commands/logs.ts')).logs,
  },
  {
    name: 'pull',
    summary: 'Download an image from a registry, or from another machine: ssh://HOST/NAME',
    also: ['image pull'],
    load: async () => (await import('./commands/pull.ts')).pull,
  },
  {
    name: 'push',
    summary: 'Upload an image to a registry, or to another machine: ssh://HOST/NAME',
    also: ['image push'],
    load: async () => (await import('./commands/push.ts')).push,
  },
  {
    name: 'copy',
    summary: 'Copy an image between registries, layouts, archives, daemons and the store',
    also: ['image copy'],
    load: async () => (await import('./commands/copy.ts')).copy,
  },
  {
    name: 'images',
    summary: 'List images',
    also: ['image ls', 'image list'],
    load: async () => (await import('./commands/images.ts')).images,
  },
  {
    name: 'create',
    summary: 'Create a new container',
    also: ['container create'],
    load: async () => (await import('./commands/create.ts')).create,
  },
  {
    name: 'start',
    summary: 'Start one or more stopped containers',
    also: ['container start'],
    starts: true,
    load: async () => (await import('./commands/start.ts')).start,
  },
  {
    name: 'stop',
    summary: 'Stop one or more running containers',
    also: ['container stop'],
    load: async () => (await import('./commands/stop.ts')).stop,
  },
  {
    name: 'restart',
    summary: 'Restart one or more containers',
    also: ['container restart'],
    load: async () => (await import('./commands/restart.ts')).restart,
  },
  {
    name: 'kill',
    summary: 'Kill one or more running containers',
    also: ['container kill'],
    load: async () => (await import('./commands/kill.ts')).kill,
  },
  {
    name: 'pause',
    summary: 'Pause all processes within one or more containers',
    also: ['container pause'],
    load: async () => (await import('./commands/pause.ts')).pause,
  },
  {
    name: 'unpause',
    summary: 'Unpause all processes within one or more containers',
    also: ['container unpause'],
    load: async () => (await import('./commands/pause.ts')).unpause,
  },
  {
    name: 'wait',
    summary: 'Block until one or more containers stop, then print their exit codes',
    also: ['container wait'],
    load: async () => (await import('./commands/wait.ts')).wait,
  },
  {
    name: 'attach',
    summary: 'Attach to a running container; with --artifact-type, attach files to an image',
    also: ['container attach'],
    load: async () => (await import('./commands/attach.ts')).attach,
  },
  {
    name: 'rename',
    summary: 'Rename a container',
    also: ['container rename'],
    load: async () => (await import('./commands/rename.ts')).rename,
  },
  {
    name: 'rm',
    summary: 'Remove one or more containers',
    also: ['container rm', 'container remove'],
    load: async () => (await import('./commands/rm.ts')).rm,
  },
  {
    name: 'export',
    summary: "Export a container's filesystem as a tar archive",
    also: ['container export'],
    load: async () => (await import('./commands/export.ts')).exportContainer,
  },
  {
    name: 'inspect',
    summary: 'Return low-level information on containers and images',
    load: async () => (await import('./commands/inspect.ts')).inspect,
  },
  {
    name: 'tag',
    summary: 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE',
    also: ['image tag'],
    load: async () => (await import('./commands/tag.ts')).tag,
  },
  {
    name: 'rmi',
    summary: 'Remove one or more images',
    also: ['image rm', 'image remove'],
    load: async () => (await import('./commands/rmi.ts')).rmi,
  },
  {
    name: 'history',
    summary: 'Show the history of an image',
    also: ['image history'],
    load: async () => (await import('./commands/history.ts')).history,
  },
  {
    name: 'save',
    summary: 'Save one or more images to a tar archive',
    also: ['image save'],
    load: async () => (await import('./commands/save.ts')).save,
  },
  {
    name: 'load',
    summary: 'Load an image from a tar archive or stdin',
    also: ['image load'],
    load: async () => (await import('./commands/load.ts')).load,
  },
  {
    name: 'import',
    summary: 'Import the contents from a tarball to create a filesystem image',
    also: ['image import'],
    load: async () => (await import('./commands/import.ts')).importImage,
  },
  {
    name: 'login',
    summary: 'Authenticate to a registry',
    unprivileged: true,
    load: async () => (await import('./commands/login.ts')).login,
  },
  {
    name: 'logout',
    summary: 'Log out from a registry',
    unprivileged: true,
    load: async () => (await import('./commands/login.ts')).logout,
  },
  {
    name: 'tags',
    summary: 'List the tags of a repository in its registry',
    unprivileged: true,
    load: async () => (await import('./commands/tags.ts')).tags,
  },
  {
    name: 'discover',
    summary: 'Show the tree of what refers to an image',
    load: async () => (await import('./commands/discover.ts')).discover,
  },
  {
    name: 'referrers',
    summary: 'List what refers to an image',
    load: async () => (await import('./commands/discover.ts')).referrers,
  },
  {
    name: 'doctor',
    summary: 'Check everything Cairn needs of this machine, with the cure for what is missing',
    unprivileged: true,
    load: async () => (await import('./commands/doctor.ts')).doctor,
  },
  {
    name: 'version',
    summary: 'Show the Cairn version information',
    unprivileged: true,
    load: async () => (await import('./commands/version.ts')).version,
  },
  {
    name: 'completion',
    summary: 'Generate the autocompletion script for the specified shell',
    unprivileged: true,
    load: async () => (await import('./commands/completion.ts')).completion,
  },
  {
    name: 'container inspect',
    summary: 'Display detailed information on one or more containers',
    load: async () => (await import('./commands/inspect.ts')).containerInspect,
  },
  {
    name: 'container prune',
    summary: 'Remove all stopped containers',
    load: async () => (await import('./commands/prune.ts')).containerPrune,
  },
  {
    name: 'image inspect',
    summary: 'Display detailed information on one or more images',
    load: async () => (await import('./commands/inspect.ts')).imageInspect,
  },
  {
    name: 'image prune',
    summary: 'Remove unused images',
    load: async () => (await import('./commands/prune.ts')).imagePrune,
  },
  {
    name: 'builder prune',
    summary: 'Remove build cache',
    also: ['buildx prune'],
    load: async () => (await import('./commands/builder.ts')).builderPrune,
  },
  {
    name: 'builder du',
    summary: 'Show what the build cache takes',
    also: ['buildx du'],
    load: async () => (await import('./commands/builder.ts')).builderDu,
  },
  {
    name: 'cache-mount ls',
    summary: 'List what RUN --mount=type=cache keeps',
    load: async () => (await import('./commands/cachemount.ts')).cacheMountLs,
  },
  {
    name: 'cache-mount export',
    summary: 'Write a cache mount to a tar archive',
    load: async () => (await import('./commands/cachemount.ts')).cacheMountExport,
  },
  {
    name: 'cache-mount import',
    summary: 'Fill a cache mount from a tar archive',
    load: async () => (await import('./commands/cachemount.ts')).cacheMountImport,
  },
  {
    name: 'cache-mount rm',
    summary: 'Remove cache mounts',
    load: async () => (await import('./commands/cachemount.ts')).cacheMountRm,
  },
  {
    name: 'artifact attach',
    summary: 'Attach files to an image: an SBOM, a signature, a scan report',
    load: async () => (await import('./commands/artifact.ts')).artifactAttach,
  },
  {
    name: 'artifact push',
    summary: 'Push files to a registry under a name of their own',
    load: async () => (await import('./commands/artifact.ts')).artifactPush,
  },
  {
    name: 'artifact pull',
    summary: 'Write the files of an artifact into a directory',
    load: async () => (await import('./commands/artifact.ts')).artifactPull,
  },
  {
    name: 'manifest create',
    summary: 'Create a local manifest list, to be annotated and pushed',
    load: async () => (await import('./commands/manifest.ts')).manifestCreate,
  },
  {
    name: 'manifest annotate',
    summary: 'Add platform information to an image of a local manifest list',
    load: async () => (await import('./commands/manifest.ts')).manifestAnnotate,
  },
  {
    name: 'manifest push',
    summary: 'Push a manifest list to its repository, with its images',
    load: async () => (await import('./commands/manifest.ts')).manifestPush,
  },
  {
    name: 'manifest rm',
    summary: 'Delete one or more local manifest lists',
    load: async () => (await import('./commands/manifest.ts')).manifestRm,
  },
  {
    name: 'manifest inspect',
    summary: 'Display a manifest or index, wherever it is',
    load: async () => (await import('./commands/manifest.ts')).manifestInspect,
  },
  {
    name: 'index create',
    summary: 'Make an index of images, and bring them to where it is',
    load: async () => (await import('./commands/indexes.ts')).indexCreate,
  },
  {
    name: 'index add',
    summary: 'Add images to an index',
    load: async () => (await import('./commands/indexes.ts')).indexAdd,
  },
  {
    name: 'index remove',
    summary: 'Remove images from an index',
    also: ['index rm', 'index delete'],
    load: async () => (await import('./commands/indexes.ts')).indexRemove,
  },
  {
    name: 'index filter',
    summary: 'Keep the images for some platforms',
    load: async () => (await import('./commands/indexes.ts')).indexFilter,
  },
  {
    name: 'index annotate',
    summary: 'Annotate an index, or one image in it',
    load: async () => (await import('./commands/indexes.ts')).indexAnnotate,
  },
  {
    name: 'serve',
    summary: "Serve this machine's images on standard input and output",
    load: async () => (await import('./commands/serve.ts')).serve,
  },
  {
    name: 'registry serve',
    summary: 'Serve a registry',
    load: async () => (await import('./commands/registry/serve.ts')).registryServe,
  },
  {
    name: 'registry gc',
    summary: 'Remove what a registry no longer needs',
    load: async () => (await import('./commands/registry/gc.ts')).registryGc,
  },
  {
    name: 'registry htpasswd',
    summary: "Add, change or remove a user in a registry's password file",
    load: async () => (await import('./commands/registry/htpasswd.ts')).registryHtpasswd,
  },
  {
    name: 'registry check',
    summary: 'Check any registry against the distribution-spec',
    unprivileged: true,
    load: async () => (await import('./commands/registry/check.ts')).registryCheck,
  },
  {
    name: 'network ls',
    summary: 'List networks',
    also: ['network list'],
    load: async () => (await import('./commands/network.ts')).networkLs,
  },
  {
    name: 'volume create',
    summary: 'Create a volume',
    load: async () => (await import('./commands/volume.ts')).volumeCreate,
  },
  {
    name: 'volume ls',
    summary: 'List volumes',
    also: ['volume list'],
    load: async () => (await import('./commands/volume.ts')).volumeLs,
  },
  {
    name: 'volume inspect',
    summary: 'Display detailed information on one or more volumes',
    load: async () => (await import('./commands/volume.ts')).volumeInspect,
  },
  {
    name: 'volume rm',
    summary: 'Remove one or more volumes',
    also: ['volume remove'],
    load: async () => (await import('./commands/volume.ts')).volumeRm,
  },
  {
    name: 'volume prune',
    summary: 'Remove unused local volumes',
    load: async () => (await import('./commands/prune.ts')).volumePrune,
  },
  {
    name: 'system df',
    summary: 'Show disk usage',
    load: async () => (await import('./commands/df.ts')).df,
  },
  {
    name: 'system prune',
    summary: 'Remove unused data',
    load: async () => (await import('./commands/prune.ts')).systemPrune,
  },
  {
    name: 'system check',
    summary: 'Check everything stored against its digest',
    load: async () => (await import('./commands/check.ts')).check,
  },
  {
    name: '_exit',
    summary: 'Finish an exited container; called by its monitor',
    hidden: true,
    load: async () => (await import('./commands/exited.ts')).exited,
  },
  {
    name: '_complete',
    summary: 'Complete a command line; called by the shell',
    hidden: true,
    load: async () => (await import('./commands/complete.ts')).complete,
  },
]
