import type { Entry } from './entry.ts'

export const images: readonly Entry[] = [
  {
    name: 'images',
    summary: 'List images',
    also: ['image ls', 'image list'],
    load: async () => (await import('../commands/images.ts')).images,
  },
  {
    name: 'tag',
    summary: 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE',
    also: ['image tag'],
    load: async () => (await import('../commands/tag.ts')).tag,
  },
  {
    name: 'rmi',
    summary: 'Remove one or more images',
    also: ['image rm', 'image remove'],
    load: async () => (await import('../commands/rmi.ts')).rmi,
  },
  {
    name: 'history',
    summary: 'Show the history of an image',
    also: ['image history'],
    load: async () => (await import('../commands/history.ts')).history,
  },
  {
    name: 'save',
    summary: 'Save one or more images to a tar archive',
    also: ['image save'],
    load: async () => (await import('../commands/save.ts')).save,
  },
  {
    name: 'load',
    summary: 'Load an image from a tar archive or stdin',
    also: ['image load'],
    load: async () => (await import('../commands/load.ts')).load,
  },
  {
    name: 'import',
    summary: 'Import the contents from a tarball to create a filesystem image',
    also: ['image import'],
    load: async () => (await import('../commands/import.ts')).importImage,
  },
  {
    name: 'image inspect',
    summary: 'Display detailed information on one or more images',
    load: async () => (await import('../commands/inspect.ts')).imageInspect,
  },
  {
    name: 'image prune',
    summary: 'Remove unused images',
    load: async () => (await import('../commands/prune.ts')).imagePrune,
  },
  {
    name: 'manifest create',
    summary: 'Create a local manifest list, to be annotated and pushed',
    load: async () => (await import('../commands/manifest.ts')).manifestCreate,
  },
  {
    name: 'manifest annotate',
    summary: 'Add platform information to an image of a local manifest list',
    load: async () => (await import('../commands/manifest.ts')).manifestAnnotate,
  },
  {
    name: 'manifest push',
    summary: 'Push a manifest list to its repository, with its images',
    load: async () => (await import('../commands/manifest.ts')).manifestPush,
  },
  {
    name: 'manifest rm',
    summary: 'Delete one or more local manifest lists',
    load: async () => (await import('../commands/manifest.ts')).manifestRm,
  },
  {
    name: 'manifest inspect',
    summary: 'Display a manifest or index, wherever it is',
    load: async () => (await import('../commands/manifest.ts')).manifestInspect,
  },
  {
    name: 'index create',
    summary: 'Make an index of images, and bring them to where it is',
    load: async () => (await import('../commands/indexes.ts')).indexCreate,
  },
  {
    name: 'index add',
    summary: 'Add images to an index',
    load: async () => (await import('../commands/indexes.ts')).indexAdd,
  },
  {
    name: 'index remove',
    summary: 'Remove images from an index',
    also: ['index rm', 'index delete'],
    load: async () => (await import('../commands/indexes.ts')).indexRemove,
  },
  {
    name: 'index filter',
    summary: 'Keep the images for some platforms',
    load: async () => (await import('../commands/indexes.ts')).indexFilter,
  },
  {
    name: 'index annotate',
    summary: 'Annotate an index, or one image in it',
    load: async () => (await import('../commands/indexes.ts')).indexAnnotate,
  },
]
