import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

/** What of a node should be gone when no container runs. */
export interface Leftovers {
  /** Notes the containers and build steps that there are now: their names are on what they leave. */
  note(said?: string): void
  /** One line for each mount, process, control group and published port that is still there. */
  list(): string[]
}

/** Watches over the node whose `root` and `run` lie in `dir`. */
export function leftoversOf(dir: string): Leftovers {
  const ids = new Set<string>()
  const note = (said = ''): void => {
    for (const [id] of said.matchAll(/\b[0-9a-f]{64}\b/g)) ids.add(id)
    for (const where of ['root/containers', 'run/containers', 'run/runtime/crun', 'run/runtime/runc'])
      for (const id of namesIn(join(dir, where))) ids.add(id)
    for (const work of namesIn(join(dir, 'root/work')))
      for (const step of namesIn(join(dir, 'root/work', work))) if (step.startsWith('build-')) ids.add(step)
  }
  return {
    note,
    list: () => {
      note()
      return [...mountsUnder(dir), ...processesOf(dir), ...cgroupsOf(ids), ...portsOf(ids)]
    },
  }
}

/** None of a directory that is gone, also if that happens meanwhile: commands tidy up behind themselves. */
function namesIn(path: string): readonly string[] {
  try {
    return readdirSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function mountsUnder(dir: string): string[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes(dir))
    .map((line) => `mount ${line}`)
}

/** Monitors and runtimes name their directory on their command line; whatever runs in a container has mounts from it. */
function processesOf(dir: string): string[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
        const held =
          command.includes(dir) ||
          readlinkSync(`/proc/${pid}/cwd`).startsWith(dir) ||
          readFileSync(`/proc/${pid}/mountinfo`, 'utf8').includes(dir)
        return held ? [`process ${pid} ${command}`] : []
      } catch {
        return []
      }
    })
}

function cgroupsOf(ids: ReadonlySet<string>): string[] {
  const root = '/sys/fs/cgroup'
  const hierarchies = existsSync(join(root, 'cgroup.controllers')) ? [''] : readdirSync(root)
  return hierarchies.flatMap((hierarchy) =>
    namesIn(join(root, hierarchy))
      .filter((name) => name.startsWith('cairn-') && ids.has(name.slice('cairn-'.length)))
      .map((name) => `cgroup ${hierarchy}/${name}`),
  )
}

/** Every element of the tables carries the ID of its container. */
function portsOf(ids: ReadonlySet<string>): string[] {
  const { stdout } = spawnSync('nft', ['list', 'ruleset'], { encoding: 'utf8' })
  return [...(stdout ?? '').matchAll(/comment "([0-9a-f]{64})"/g)]
    .filter(([, id]) => ids.has(id!))
    .map(([, id]) => `published port of ${id}`)
}
