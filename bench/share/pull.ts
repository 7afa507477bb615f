import { must, run } from '#testkit'
import { cairnIn } from '../cairn.ts'
import type { Contestant } from '../measure.ts'
import type { Row } from '../row.ts'
import type { Stage } from '../stage.ts'
import type { Served } from './registries.ts'

/** Pulls an image that is not there and runs a container from it: until then nothing is proved. */
function pullAndRun(stage: Stage, { host }: Served, image: string): Contestant[] {
  const name = `${host}/${image}`
  const { docker, storage } = stage
  // In a store of its own, in which no layer is yet.
  const cairn = cairnIn(stage.dir, '-puller')
  const words = (argv: readonly string[]): string => argv.map((word) => `'${word}'`).join(' ')
  const contestant = (
    engine: string,
    command: (args: readonly string[]) => readonly string[],
    env: Readonly<Record<string, string>>,
    flags: readonly string[] = [],
  ): Contestant => ({
    name: engine,
    argv: [
      'sh',
      '-c',
      `${words(command(['pull', '-q', ...flags, name]))} && ${words(command(['run', '--rm', '--network', 'none', name, 'true']))}`,
    ],
    env,
    before: async () => {
      await run(command(['rmi', '-f', name]), { env })
      if (engine === 'cairn') await must(command(['system', 'prune', '-f']))
    },
  })
  return [
    contestant('cairn', cairn, {}),
    ...(storage
      ? [contestant('podman', (args) => storage.command('podman', args), storage.env, ['--tls-verify=false'])]
      : []),
    ...(docker ? [contestant('docker', (args) => [docker.client, ...args], docker.env)] : []),
    ...(storage ? [transfer(stage, name)] : []),
  ]
}

/** The blobs alone, into a layout: the floor. */
function transfer({ dir, storage }: Stage, name: string): Contestant {
  const layout = `${dir}/copied`
  return {
    name: 'skopeo, blobs alone',
    argv: storage!.command('skopeo', ['copy', '-q', '--src-tls-verify=false', `docker://${name}`, `oci:${layout}:x`]),
    env: storage!.env,
    before: async () => void (await must(['rm', '-rf', layout])),
  }
}

export const pullRows: readonly Row[] = [
  {
    title: '`pull` one layer (67 → 170 MB) and `run`',
    rounds: 5,
    contestants: async (stage) => pullAndRun(stage, (await stage.registries()).cairn, 'big'),
  },
  {
    title: '`pull` five layers (390 MB) and `run`',
    rounds: 5,
    contestants: async (stage) => pullAndRun(stage, (await stage.registries()).cairn, 'multi'),
  },
]
