import type { ContainerTable } from '../container/table.ts'
import type { EngineEvent } from '../types.ts'
import type { VolumeTable } from '../volume/table.ts'

export type Tell = (event: Omit<EngineEvent, 'time'>) => void

type About = Pick<NonNullable<ReturnType<ContainerTable['get']>>, 'id' | 'name' | 'image' | 'config'>

export function containerEvent(
  { id, image, name, config }: About,
  action: string,
  more: Readonly<Record<string, string>> = {},
): Parameters<Tell>[0] {
  return { type: 'container', action, id, attributes: { ...config.labels, image, name, ...more } }
}

/** A table whose changes are events under docker's names. What is recorded has happened, so this is where they are seen. */
export function tellingContainers(table: ContainerTable, tell: Tell): ContainerTable {
  const known = new Map<string, About>()
  const say = (id: string, action: string, more: Readonly<Record<string, string>> = {}): void => {
    const about = known.get(id) ?? table.get(id)
    if (!about) return
    known.set(id, about)
    tell(containerEvent(about, action, more))
  }
  return {
    ...table,
    insert: (container) => {
      table.insert(container)
      known.set(container.id, container)
      say(container.id, 'create')
    },
    update: (id, changes) => {
      const { state, name, config, exitCode } = changes
      const oldName = name === undefined ? undefined : table.get(id)?.name
      table.update(id, changes)
      if (name !== undefined || config) known.delete(id)
      if (oldName !== undefined) say(id, 'rename', { oldName })
      if (config) say(id, 'update')
      if (state === 'paused') say(id, 'pause')
      if (state === 'running') say(id, changes.started === undefined ? 'unpause' : 'start')
      if ((state === 'exited' || state === 'removing') && exitCode !== undefined) {
        if (changes.oomKilled) say(id, 'oom')
        say(id, 'die', { exitCode: String(exitCode) })
      }
    },
    bury: (id) => {
      // It loses its name.
      const about = known.get(id) ?? table.get(id)
      if (about) known.set(id, about)
      table.bury(id)
      say(id, 'destroy')
    },
    delete: (id) => {
      const about = known.get(id) ?? table.get(id)
      if (about) known.set(id, about)
      table.delete(id)
      say(id, 'destroy')
    },
  }
}

export function tellingVolumes(table: VolumeTable, tell: Tell): VolumeTable {
  const say = (id: string, action: string): void =>
    tell({ type: 'volume', action, id, attributes: { driver: 'local' } })
  return {
    ...table,
    ensure: (name, options) => {
      const isNew = table.get(name) === undefined
      const volume = table.ensure(name, options)
      if (isNew) say(name, 'create')
      return volume
    },
    remove: (name) => {
      table.remove(name)
      say(name, 'destroy')
    },
  }
}
