import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { must, run } from '#testkit'
import { cairnIn } from '../cairn.ts'
import type { Contestant } from '../measure.ts'
import type { Row } from '../row.ts'
import type { Stage } from '../stage.ts'
import { freshImages, type FreshImages } from './fresh.ts'

/** Pulls an image of which nothing is there and runs a container from it: until then nothing is proved. */
async function pullAndRun(stage: Stage, image: string): Promise<readonly Contestant[]> {
  const served = (await stage.registries()).cairn
  const fresh = freshImages(served, image)
  const { docker, storage } = stage
  // In a store of its own, in which no layer is yet.
  const cairn = cairnIn(stage.dir, '-puller')
  const contestant = (
    engine: string,
    command: (args: readonly string[]) => readonly string[],
    env: Readonly<Record<string, string>>,
    flags: readonly string[] = [],
  ): Contestant => {
    const round = rounds(stage, `${engine}-${image}`, served.host, fresh)
    const pull = round.words(command(['pull', '-q', ...flags, PLACE]))
    const start = round.words(command(['run', '--rm', '--network', 'none', PLACE, 'true']))
    return {
      name: engine,
      argv: ['sh', '-c', `${pull} && ${start}`],
      env,
      before: () => round.next(),
      after: async () => {
        await run(command(['rmi', '-f', round.place()]), { env })
        if (engine === 'cairn') await must(command(['system', 'prune', '-f']))
      },
    }
  }
  const podman = (args: readonly string[]): readonly string[] => storage!.command('podman', args)
  return [
    contestant('cairn', cairn, {}),
    ...(storage ? [contestant('podman', podman, storage.env, ['--tls-verify=false'])] : []),
    ...(docker ? [contestant('docker', (args) => [docker.client, ...args], docker.env)] : []),
    ...(storage ? [transfer(stage, rounds(stage, `skopeo-${image}`, served.host, fresh))] : []),
  ]
}

/** Stands for the round's image in a command line. */
const PLACE = 'PLACE'

interface Rounds {
  /** Moves on to an image that was not there before. */
  next(): Promise<void>
  /** The image of this round. */
  place(): string
  /** A command line for `sh` in which `PLACE` is that. */
  words(argv: readonly string[]): string
}

function rounds({ dir }: Stage, name: string, host: string, fresh: FreshImages): Rounds {
  const file = join(dir, `round-${name}`)
  let round = 0
  let place = ''
  return {
    next: async () => {
      place = `${host}/${await fresh(++round)}`
      writeFileSync(file, place)
    },
    place: () => place,
    words: (argv) => argv.map((word) => `"${word.replace(PLACE, `$(cat '${file}')`)}"`).join(' '),
  }
}

/** The blobs alone, into a layout: the floor. */
function transfer({ dir, storage }: Stage, round: Rounds): Contestant {
  const layout = `${dir}/copied`
  const copy = ['copy', '-q', '--src-tls-verify=false', `docker://${PLACE}`, `oci:${layout}:x`]
  return {
    name: 'skopeo, blobs alone',
    argv: ['sh', '-c', `exec ${round.words(storage!.command('skopeo', copy))}`],
    env: storage!.env,
    before: () => round.next(),
    after: async () => void (await must(['rm', '-rf', layout])),
  }
}

export const pullRows: readonly Row[] = [
  {
    title: '`pull` one layer (67 → 170 MB) and `run`',
    rounds: 5,
    contestants: (stage) => pullAndRun(stage, 'big'),
  },
  {
    title: '`pull` five layers (390 MB) and `run`',
    rounds: 3,
    contestants: (stage) => pullAndRun(stage, 'multi'),
  },
]
