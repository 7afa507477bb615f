import { statSync } from 'node:fs'
import type { Database, ImageNames, LocalStore } from '#content'
import { openDatabase } from '#content'
import type { Monitor, NetworkDriver, Runtime } from '#runtime'
import type { Differ, DiskLayers, Snapshotter } from '#snapshot'
import { exitNow } from '#sys'
import { openContainers, type ContainerTable } from './container/table.ts'
import { createJournal } from './events/journal.ts'
import { tellingContainers, tellingVolumes, type Tell } from './events/told.ts'
import type { MachineRegistries } from './open/registries.ts'
import { pathsOf, type Paths } from './paths.ts'
import type { NodeOptions } from './types.ts'
import { openVolumes, type VolumeTable } from './volume/table.ts'

/** What the verbs are made of. Each part is opened when it is first asked for: `ps` opens SQLite and no more. */
export interface Parts {
  readonly paths: Paths
  /** How to call this program again, store and run state included. */
  readonly self: readonly string[]
  readonly db: Database
  readonly containers: ContainerTable
  readonly volumes: VolumeTable
  /** Says that something has happened to those who follow events. */
  readonly tell: Tell
  store(): Promise<LocalStore>
  names(): Promise<ImageNames>
  layers(): Promise<DiskLayers>
  snapshots(): Promise<Snapshotter>
  differ(): Promise<Differ>
  /** `crun`, `runc` or a path; the best there is by default. */
  runtime(name?: string): Promise<Runtime>
  monitor(runtime: Runtime): Promise<Monitor>
  networkDriver(): Promise<NetworkDriver>
  registries(): Promise<MachineRegistries>
  close(): void
  /** For a process that ends now: see {@link Node.leave}. */
  leave(): Promise<void>
}

export function openParts(options: NodeOptions): Parts {
  const paths = pathsOf(options)
  let db: Database | undefined
  let containers: ContainerTable | undefined
  let volumes: VolumeTable | undefined
  const runtimes = new Map<string, Promise<Runtime>>()
  const tell = createJournal(paths.events)
  const parts: Parts = {
    paths,
    tell,
    self: options.self ?? ownCommand(paths),
    get db() {
      return (db ??= openDatabase(paths.database))
    },
    get containers() {
      return (containers ??= tellingContainers(openContainers(parts.db), tell))
    },
    get volumes() {
      return (volumes ??= tellingVolumes(openVolumes(parts.db, paths), tell))
    },
    names: once(async () => (await import('./open/store.ts')).names(parts)),
    store: once(async () => (await import('./open/store.ts')).store(parts)),
    layers: once(async () => (await import('./open/layers.ts')).layers(parts)),
    snapshots: once(async () => (await import('./open/layers.ts')).snapshots(parts)),
    differ: once(async () => (await import('#snapshot')).differ),
    runtime: async (name = '') => {
      const known =
        runtimes.get(name) ?? import('./open/runtime.ts').then((open) => open.runtime(parts, name || undefined))
      runtimes.set(name, known)
      return known
    },
    monitor: async (runtime) => (await import('./open/monitor.ts')).monitor(runtime),
    networkDriver: once(async () => (await import('./open/network.ts')).networkDriver(parts)),
    registries: once(async () => (await import('./open/registries.ts')).registries()),
    close: () => db?.close(),
    leave: async () => {
      if (!db) return
      if (isLarge(`${db.path}-wal`)) db.close()
      // The engine's destructors would close it. Registered last, so every other handler has run.
      process.on('exit', exitNow)
    },
  }
  return parts
}

/** Beyond this, folding the log in costs the next process less than reading it would, bytes. */
const LOG_LIMIT = 512 * 1024

function isLarge(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > LOG_LIMIT
}

function once<T>(open: () => Promise<T>): () => Promise<T> {
  let opened: Promise<T> | undefined
  return () => (opened ??= open())
}

/** The compiled binary calls itself; under `bun main.ts` the script comes with it. */
function ownCommand(paths: Paths): readonly string[] {
  const script = process.argv[1]
  const compiled = script === undefined || script.startsWith('/$bunfs/')
  return [process.execPath, ...(compiled ? [] : [script]), '--root', paths.root, '--run', paths.run]
}
