import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { faultProxy, must, run, type Fault, type FaultProxy } from '#testkit'
import { cairnIn } from '../cairn.ts'
import type { Contestant } from '../measure.ts'
import type { Row } from '../row.ts'
import type { Stage } from '../stage.ts'
import { freshImages } from './fresh.ts'

/** One request in four goes wrong. */
const RATE = 0.25
/** Within so many bytes a transfer is cut: some of the layers are shorter, some longer. */
const FARTHEST = 48 << 20

/** What goes wrong with each request, one after the other: the same for each seed. */
function faultsOf(seed: number): () => Fault | undefined {
  const random = randomOf(seed)
  return () => {
    const [goesWrong, kind, place] = [random(), random(), random()]
    if (goesWrong >= RATE) return undefined
    const after = Math.floor(place * FARTHEST)
    const faults: readonly Fault[] = [
      { kind: 'hangUp' },
      { kind: 'answer', status: 503 },
      { kind: 'cutAnswer', after },
      { kind: 'truncate', after },
      { kind: 'cutUpload', after },
    ]
    return faults[Math.floor(kind * faults.length)]
  }
}

/** Numbers from 0 to 1: a Weyl sequence, mixed by the steps of MurmurHash3's end. */
function randomOf(seed: number): () => number {
  let state = Math.imul(seed, 0x85ebca6b)
  return () => {
    state = (state + 0x9e3779b9) | 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x85ebca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32
  }
}

interface Words {
  readonly name: string
  /** The command, for an image behind the faulty link. */
  readonly words: (place: string) => readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Before each run: where it goes, and where the last one went. */
  readonly prepare?: (place: string, last: string | undefined) => Promise<unknown>
}

/** Where a contestant's image is, or goes, in a run. */
type Path = (run: number, name: string) => string | Promise<string>

/**
 * Each run of a contestant has a link of its own, at an address of its own, under a repository of its own where it
 * pushes: no engine knows of anything to mount from there. The runs of one number meet the same faults.
 */
async function overFaults(stage: Stage, path: Path, of: readonly Words[]): Promise<readonly Contestant[]> {
  const { cairn } = await stage.registries()
  return of.map(({ name, words, env, prepare }) => {
    const file = join(stage.dir, `faulty-${name.split(',')[0]}`)
    const script = words('PLACE').map((word) => `"${word.replace('PLACE', `$(cat '${file}')`)}"`)
    let runs = 0
    let place: string | undefined
    let proxy: FaultProxy | undefined
    return {
      name,
      argv: ['sh', '-c', `exec ${script.join(' ')}`],
      ...(env ? { env } : {}),
      mayFail: true,
      before: async () => {
        const fault = faultsOf(++runs)
        proxy = await faultProxy(cairn, fault)
        const last = place
        place = `${proxy.host}/${await path(runs, name.split(',')[0]!)}`
        writeFileSync(file, place)
        await prepare?.(place, last)
      },
      after: async () => proxy?.[Symbol.asyncDispose](),
    }
  })
}

async function pulls(stage: Stage): Promise<readonly Contestant[]> {
  const { storage, dir } = stage
  const cairn = cairnIn(dir, '-puller')
  const own: Words = {
    name: 'cairn',
    words: (place) => cairn(['pull', '-q', place]),
    prepare: async (_, last) => {
      await run(cairn(['rmi', '-f', ...(last ? [last] : [])]))
      await must(cairn(['system', 'prune', '-f']))
    },
  }
  const fresh = freshImages((await stage.registries()).cairn, 'multi')
  if (!storage) return overFaults(stage, fresh, [own])
  const { env } = storage
  const layout = join(dir, 'faulty')
  return overFaults(stage, fresh, [
    own,
    {
      name: 'podman',
      words: (place) => storage.command('podman', ['pull', '-q', '--tls-verify=false', place]),
      env,
      prepare: async (_, last) => last && storage.podman(['rmi', '-f', last]),
    },
    {
      name: 'skopeo, blobs alone',
      words: (place) => storage.command('skopeo', copy(`docker://${place}`, `oci:${layout}:x`)),
      env,
      prepare: () => must(['rm', '-rf', layout]),
    },
  ])
}

async function pushes(stage: Stage): Promise<readonly Contestant[]> {
  const { storage, dir } = stage
  const cairn = cairnIn(dir, '-puller')
  const image = `${(await stage.registries()).cairn.host}/multi`
  await must(cairn(['pull', '-q', image]))
  const own: Words = {
    name: 'cairn',
    words: (place) => cairn(['push', '-q', place]),
    prepare: (place) => must(cairn(['tag', image, place])),
  }
  if (!storage) return overFaults(stage, target, [own])
  const { env } = storage
  const layout = `oci:${join(dir, 'pushed')}:x`
  await must(storage.command('podman', ['pull', '-q', '--tls-verify=false', image]), { env })
  await must(storage.command('skopeo', copy(`docker://${image}`, layout)), { env })
  return overFaults(stage, target, [
    own,
    {
      name: 'podman',
      words: (place) => storage.command('podman', ['push', '-q', '--tls-verify=false', image, `docker://${place}`]),
      env,
    },
    {
      name: 'skopeo, blobs alone',
      words: (place) => storage.command('skopeo', copy(layout, `docker://${place}`)),
      env,
    },
  ])
}

/** A repository of its own. */
const target: Path = (run, name) => `faulty/${name}${run}`

/** With as many retries as Podman makes by itself. */
const copy = (from: string, to: string): readonly string[] =>
  `copy -q --retry-times 3 --src-tls-verify=false --dest-tls-verify=false ${from} ${to}`.split(' ')

export const faultyRows: readonly Row[] = [
  { title: '`pull` five layers over a faulty link', rounds: 5, contestants: pulls },
  { title: '`push` five layers over a faulty link', rounds: 5, contestants: pushes },
]
