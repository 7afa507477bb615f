import { join } from 'node:path'
import { must, run } from '#testkit'
import type { Contestant } from '../measure.ts'
import type { Row } from '../row.ts'
import type { Stage } from '../stage.ts'

/** The same docker-shaped words for all three engines. */
function engines(
  stage: Stage,
  args: readonly string[],
  hooks: (engine: Engine) => Partial<Contestant> = () => ({}),
): Contestant[] {
  return enginesOf(stage).map((engine) => ({
    name: engine.name,
    argv: engine.argv(args),
    env: engine.env,
    ...hooks(engine),
  }))
}

interface Engine {
  readonly name: 'cairn' | 'podman' | 'docker'
  readonly env: Readonly<Record<string, string>>
  argv(args: readonly string[]): readonly string[]
}

function enginesOf({ cairn, docker, storage }: Stage): Engine[] {
  return [
    { name: 'cairn', env: {}, argv: cairn },
    ...(storage
      ? [{ name: 'podman', env: storage.env, argv: (args) => storage.command('podman', args) } satisfies Engine]
      : []),
    ...(docker ? [{ name: 'docker', env: docker.env, argv: (args) => [docker.client, ...args] } satisfies Engine] : []),
  ]
}

const call = (engine: Engine, args: readonly string[]): Promise<string> => must(engine.argv(args), { env: engine.env })
const drop = async (engine: Engine, ...images: readonly string[]): Promise<void> => {
  await run(engine.argv(['rmi', '-f', ...images]), { env: engine.env })
  if (engine.name === 'cairn') await run(engine.argv(['image', 'prune', '-f']), { env: engine.env })
}

/** Loads an archive and runs a container from it: until then nothing is proved. */
function loadAndRun(stage: Stage, archive: string, names: readonly Engine['name'][]): Contestant[] {
  return enginesOf(stage)
    .filter((engine) => names.includes(engine.name))
    .map((engine) => {
      const words = (args: readonly string[]): string =>
        engine
          .argv(args)
          .map((word) => `'${word}'`)
          .join(' ')
      const script = `${words(['load', '-q', '-i', archive])} && ${words(['run', '--rm', '--network', 'none', 'big', 'true'])}`
      return {
        name: engine.name,
        argv: ['sh', '-c', script],
        env: engine.env,
        before: () => drop(engine, 'big', 'localhost/big', 'docker.io/library/big'),
      }
    })
}

/** A bundle with the same root and no engine at all: the floor. */
async function bareRuntime(stage: Stage): Promise<Contestant[]> {
  const bundle = join(stage.dir, 'bundle')
  await must([
    'sh',
    '-c',
    `mkdir -p ${bundle}/rootfs && tar -C ${bundle}/rootfs -xf "$0" && cd ${bundle} && crun spec`,
    await debian(),
  ])
  await must(['sh', '-c', `sed -i 's/"terminal": true/"terminal": false/; s/"sh"/"true"/' ${bundle}/config.json`])
  const run = `mount --make-rslave / && mount -t tmpfs t /sys/fs/cgroup/unified 2>/dev/null; exec crun run -b ${bundle} bench-$$`
  return [{ name: 'bare crun', argv: ['unshare', '-m', 'sh', '-c', run] }]
}

async function debian(): Promise<string> {
  const { debianRootfs } = await import('#testkit')
  return debianRootfs()
}

const pause = ['sleep', '1000']

export const runRows: readonly Row[] = [
  {
    title: '`run --rm --network none IMAGE true`',
    rounds: 31,
    contestants: async (stage) => [
      ...engines(stage, ['run', '--rm', '--network', 'none', 'debian:12', 'true']),
      ...(await bareRuntime(stage)),
    ],
  },
  {
    title: '`run --rm -p 127.0.0.1:18080:80 IMAGE true`',
    rounds: 9,
    contestants: (stage) => engines(stage, ['run', '--rm', '-p', '127.0.0.1:18080:80', 'debian:12', 'true']),
  },
  {
    title: '`exec NAME true`',
    rounds: 15,
    contestants: async (stage) => {
      for (const engine of enginesOf(stage))
        await call(engine, ['run', '-d', '--name', 'bench-exec', '--network', 'none', 'debian:12', ...pause])
      return engines(stage, ['exec', 'bench-exec', 'true'])
    },
  },
  {
    title: '`start NAME`',
    rounds: 9,
    contestants: async (stage) => {
      for (const engine of enginesOf(stage))
        await call(engine, ['create', '--name', 'bench-start', '--network', 'none', 'debian:12', ...pause])
      return engines(stage, ['start', 'bench-start'], (engine) => ({
        after: async () => void (await call(engine, ['kill', 'bench-start'])),
        before: async () => void (await run(engine.argv(['wait', 'bench-start']), { env: engine.env })),
      }))
    },
  },
  { title: '`ps`', rounds: 15, contestants: (stage) => engines(stage, ['ps']) },
  {
    title: '`load` a 170 MB layer (docker-archive) and `run`',
    rounds: 5,
    contestants: (stage) => loadAndRun(stage, stage.archive, ['cairn', 'podman', 'docker']),
  },
  {
    title: '`load` a 170 MB gzipped layer (oci-archive) and `run`',
    rounds: 5,
    contestants: (stage) => (stage.ociArchive ? loadAndRun(stage, stage.ociArchive, ['cairn', 'podman']) : []),
  },
]
