import { anticipateMigration } from '#runtime'
import type { CacheMountVerbs } from './cache/types.ts'
import { openParts, type Parts } from './parts.ts'
import { containerOf } from './container/table.ts'
import type {
  Artifacts,
  Containers,
  Drafts,
  Images,
  Indexes,
  Networks,
  Node,
  NodeOptions,
  Registries,
  System,
  Volumes,
} from './types.ts'

/**
 * Opens a node: the one place that wires the rooms together. It costs nothing: each verb's code is
 * loaded, and each part of the store opened, on first use.
 */
export function openNode(options: NodeOptions = {}): Node {
  const parts = openParts(options)
  return {
    root: parts.paths.root,
    run: parts.paths.run,
    containers: containers(parts),
    images: images(parts),
    volumes: volumes(parts),
    networks: networks(parts),
    registries: registries(parts),
    cacheMounts: cacheMounts(parts),
    indexes: indexes(parts),
    artifacts: artifacts(parts),
    system: system(parts),
    leave: () => parts.leave(),
    [Symbol.asyncDispose]: async () => parts.close(),
  }
}

/** Before a verb looks at containers: what a crash left unfinished is finished. One query when nothing runs. */
async function settled(parts: Parts): Promise<void> {
  const records = parts.containers.inState('starting', 'running', 'paused', 'removing')
  if (records.length > 0) await (await import('./container/reconcile.ts')).reconcile(parts, records)
}

function containers(parts: Parts): Containers {
  const ready = async <Verb>(load: () => Promise<Verb>): Promise<Verb> => {
    await settled(parts)
    return load()
  }
  const starting = async <Verb>(load: () => Promise<Verb>): Promise<Verb> => {
    anticipateMigration()
    return ready(load)
  }
  return {
    create: async (options, call) => (await ready(() => import('./container/create.ts'))).create(parts, options, call),
    start: async (ref, options, call) =>
      (await starting(() => import('./container/start.ts'))).start(parts, ref, options, call),
    attach: async (ref, io, call) => (await ready(() => import('./container/attach.ts'))).attach(parts, ref, io, call),
    stop: async (ref, options, call) =>
      (await ready(() => import('./container/stop.ts'))).stop(parts, ref, options, call),
    kill: async (ref, signal) => (await ready(() => import('./container/kill.ts'))).kill(parts, ref, signal),
    pause: async (ref) => (await ready(() => import('./container/pause.ts'))).pause(parts, ref),
    unpause: async (ref) => (await ready(() => import('./container/pause.ts'))).unpause(parts, ref),
    wait: async (ref, call) => (await ready(() => import('./container/wait.ts'))).wait(parts, ref, call),
    remove: async (ref, options, call) =>
      (await ready(() => import('./container/remove.ts'))).remove(parts, ref, options, call),
    rename: async (ref, name) => (await ready(() => import('./container/rename.ts'))).rename(parts, ref, name),
    update: async (ref, resources, call) =>
      (await ready(() => import('./container/update.ts'))).update(parts, ref, resources, call),
    exec: async (ref, options, io, call) =>
      (await starting(() => import('./container/exec.ts'))).exec(parts, ref, options, io, call),
    resize: async (ref, rows, columns) =>
      (await ready(() => import('./container/resize.ts'))).resize(parts, ref, rows, columns),
    logs: async function* (ref, options, call) {
      yield* (await ready(() => import('./container/logs.ts'))).logs(parts, ref, options, call)
    },
    get: async (ref) => {
      await settled(parts)
      return containerOf(parts.containers.find(ref))
    },
    inspect: async (ref, options) => (await ready(() => import('./container/inspect.ts'))).inspect(parts, ref, options),
    list: async () => {
      await settled(parts)
      return parts.containers.list().map(containerOf)
    },
    size: async (ref) => (await ready(() => import('./container/size.ts'))).size(parts, ref),
    export: async (ref, call) => (await ready(() => import('./container/export.ts'))).exportRoot(parts, ref, call),
    changes: async (ref, call) => (await ready(() => import('./container/changes.ts'))).changes(parts, ref, call),
    processes: async (ref) => (await ready(() => import('./container/processes.ts'))).processes(parts, ref),
    commit: async (ref, options, call) =>
      (await ready(() => import('./container/commit.ts'))).commit(parts, ref, options, call),
    usage: async (ref) => (await ready(() => import('./container/usage.ts'))).usage(parts, ref),
    archive: async function* (ref, path, options, call) {
      yield* (await ready(() => import('./container/files/copy.ts'))).archive(parts, ref, path, options, call)
    },
    extract: async (ref, path, tar, options, call) =>
      (await ready(() => import('./container/files/copy.ts'))).extract(parts, ref, path, tar, options, call),
    copyOut: async (ref, path, destination, options, call) =>
      (await ready(() => import('./container/files/copy.ts'))).copyOut(parts, ref, path, destination, options, call),
    copyIn: async (ref, source, path, options, call) =>
      (await ready(() => import('./container/files/copy.ts'))).copyIn(parts, ref, source, path, options, call),
    prune: async (filter, call) => (await ready(() => import('./container/prune.ts'))).prune(parts, filter, call),
    exited: async (id, monitor) => (await import('./container/finish.ts')).finishOf(parts, id, monitor),
  }
}

function images(parts: Parts): Images {
  /** Says what has been done to an image, when it has. */
  const told = async <T>(action: string, id: string | ((done: T) => string), work: Promise<T>): Promise<T> => {
    const done = await work
    const name = typeof id === 'string' ? id : id(done)
    parts.tell({ type: 'image', action, id: name, attributes: { name } })
    return done
  }
  return {
    list: async (options) => (await import('./image/list.ts')).list(parts, options),
    inspect: async (ref) => (await import('./image/inspect.ts')).inspect(parts, ref),
    history: async (ref) => (await import('./image/history.ts')).history(parts, ref),
    tag: async (ref, name) => told('tag', name, (await import('./image/tag.ts')).tag(parts, ref, name)),
    remove: async (ref, options, call) => {
      const removed = await (await import('./image/remove.ts')).remove(parts, ref, options, call)
      for (const [action, names] of [
        ['untag', removed.untagged],
        ['delete', removed.deleted],
      ] as const)
        for (const name of names) parts.tell({ type: 'image', action, id: name, attributes: { name } })
      return removed
    },
    save: async (refs, options, call) => (await import('./image/save.ts')).save(parts, refs, options, call),
    load: async (archive, options, call) =>
      told('load', (names) => names[0] ?? '', (await import('./image/load.ts')).load(parts, archive, options, call)),
    import: async (tar, options, call) =>
      told(
        'import',
        (id) => options?.name ?? id,
        (await import('./image/import.ts')).importRoot(parts, tar, options, call),
      ),
    questions: async () => (await import('./build/call.ts')).buildQuestions(parts),
    build: async (request, call) =>
      (await (await import('./build/rebuilt.ts')).rebuilt(parts, request, call)) ??
      (await import('./build/build.ts')).build(parts, request, call),
    updateLock: async (file, options, call) =>
      (await import('./lock/update.ts')).updateLock(parts, file, options, call),
    verifyImage: async (name, given, call) =>
      (await import('./build/verifyimage.ts')).verifyImage(parts, name, given, call),
    bake: async (targets, calls) => (await import('./build/bake.ts')).bake(parts, targets, calls),
    remoteFiles: async (options, work, call) =>
      (await import('./build/remotefiles.ts')).remoteFiles(parts, options, work, call),
    verify: async (request, call) => (await import('./build/verify.ts')).verifyBuild(parts, request, call),
    copy: async (request, call) => (await import('./transport/copy.ts')).copy(parts, request, call),
    prune: async (options, call) => (await import('./image/prune.ts')).prune(parts, options, call),
    pull: async (ref, options, call) =>
      told('pull', ref, (await import('./registry/pull.ts')).pull(parts, ref, options, call)),
    push: async (ref, options, call) =>
      told('push', ref, (await import('./registry/push.ts')).push(parts, ref, options, call)),
  }
}

function volumes(parts: Parts): Volumes {
  const verbs = async (): Promise<Volumes> => (await import('./volume/verbs.ts')).volumeVerbs(parts)
  return {
    create: async (name, labels) => (await verbs()).create(name, labels),
    get: async (name) => (await verbs()).get(name),
    inspect: async (name) => (await verbs()).inspect(name),
    list: async () => (await verbs()).list(),
    remove: async (name, options) => (await verbs()).remove(name, options),
    prune: async (options) => (await verbs()).prune(options),
  }
}

function networks(parts: Parts): Networks {
  return { list: async () => (await import('./network/list.ts')).list(parts) }
}

function cacheMounts(parts: Parts): CacheMountVerbs {
  const verbs = async (): Promise<CacheMountVerbs> => (await import('./cache/mounts.ts')).cacheMountVerbs(parts)
  return {
    list: async () => (await verbs()).list(),
    export: async (name, options, call) => (await verbs()).export(name, options, call),
    import: async (id, tar, options, call) => (await verbs()).import(id, tar, options, call),
    remove: async (name) => (await verbs()).remove(name),
  }
}

function registries(parts: Parts): Registries {
  const verbs = async (): Promise<Registries> => (await import('./registry/verbs.ts')).registryVerbs(parts)
  return {
    login: async (server, credential, call) => (await verbs()).login(server, credential, call),
    logout: async (server, call) => (await verbs()).logout(server, call),
    logoutAll: async (call) => (await verbs()).logoutAll(call),
    tags: async function* (repository, call) {
      yield* (await verbs()).tags(repository, call)
    },
    delete: async (name, options, call) => (await verbs()).delete(name, options, call),
    manifest: async (name, options, call) => (await verbs()).manifest(name, options, call),
    serve: async (request, call) => (await verbs()).serve(request, call),
    collect: async (request, call) => (await verbs()).collect(request, call),
    serveStdio: async (input, output) => (await verbs()).serveStdio(input, output),
    check: async (request, onResult, call) => (await verbs()).check(request, onResult, call),
  }
}

function indexes(parts: Parts): Indexes {
  const drafts = async (): Promise<Drafts> => (await import('./imageindex/draft.ts')).drafts(parts)
  return {
    drafts: {
      create: async (list, sources, options, call) => (await drafts()).create(list, sources, options, call),
      annotate: async (list, image, platform) => (await drafts()).annotate(list, image, platform),
      document: async (list) => (await drafts()).document(list),
      push: async (list, options, call) => (await drafts()).push(list, options, call),
      remove: async (list) => (await drafts()).remove(list),
    },
    create: async (name, request, call) =>
      (await import('./imageindex/edit.ts')).createIndex(parts, name, request, call),
    edit: async (name, request, call) => (await import('./imageindex/edit.ts')).changeIndex(parts, name, request, call),
  }
}

function artifacts(parts: Parts): Artifacts {
  return {
    attach: async (name, request, call) => (await import('./artifact/put.ts')).attach(parts, name, request, call),
    push: async (name, request, call) => (await import('./artifact/put.ts')).push(parts, name, request, call),
    pull: async (name, options, call) => (await import('./artifact/read.ts')).pull(parts, name, options, call),
    discover: async (name, request, call) => (await import('./artifact/read.ts')).discover(parts, name, request, call),
  }
}

function system(parts: Parts): System {
  return {
    usage: async () => {
      await settled(parts)
      return (await import('./system/usage.ts')).usage(parts)
    },
    details: async () => (await import('./system/usage.ts')).details(parts),
    prune: async (request, call) => {
      await settled(parts)
      return (await import('./system/prune.ts')).prune(parts, request, call)
    },
    pruneCache: async (pruning, call) => (await import('./cache/prune.ts')).pruneCache(parts, pruning, call),
    cacheUsage: async () => (await import('./cache/prune.ts')).cacheUsage(parts),
    events: async function* (options, call) {
      yield* (await import('./events/follow.ts')).follow(parts.paths.events, options ?? {}, call)
    },
    info: async () => {
      await settled(parts)
      return (await import('./system/info.ts')).info(parts)
    },
    requirements: async () => (await import('./system/requirements.ts')).requirements(parts),
    check: async (call) => (await import('./system/check.ts')).check(parts, call),
  }
}
