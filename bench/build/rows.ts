import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { must } from '#testkit'
import type { Contestant } from '../measure.ts'
import type { Row } from '../row.ts'
import type { Stage } from '../stage.ts'
import { chains, editOne, fillSources, makeContext } from './contexts.ts'

type Hooks = Partial<Pick<Contestant, 'before'>>

/** Three builders on one context, or each on its own. */
function builds(
  stage: Stage,
  context: string | ((builder: string) => string),
  flags: readonly string[] = [],
  hooks: (context: string) => Hooks = () => ({}),
): Contestant[] {
  const { cairn, docker, storage } = stage
  const contestant = (name: string, command: (args: readonly string[]) => readonly string[], env = {}): Contestant => {
    const path = typeof context === 'string' ? context : context(name)
    return { name, argv: command([...flags, '-t', 'bench', path]), env, ...hooks(path) }
  }
  const buildah = ['build', '-q', '--runtime', 'runc', '--layers', '--network', 'none']
  return [
    contestant('cairn', (args) => cairn(['build', '-q', ...args])),
    ...(docker ? [contestant('docker (BuildKit)', (args) => [docker.client, 'build', '-q', ...args], docker.env)] : []),
    ...(storage
      ? [contestant('buildah', (args) => storage.command('buildah', [...buildah, ...args]), storage.env)]
      : []),
  ]
}

function once(make: (stage: Stage) => string): (stage: Stage) => string {
  let path: string | undefined
  return (stage) => (path ??= make(stage))
}

const twentySteps = once(({ dir }) => makeContext(dir, 'steps', chains(['one', 'two', 'three'], 6)))
const fiveStages = once(({ dir }) => makeContext(dir, 'stages', chains(['one', 'two', 'three', 'four', 'five'], 4)))
const COPY = ['FROM debian:12', 'WORKDIR /app', 'COPY . .', 'RUN ls src | wc -l > /count']
const thousandFiles = once(({ dir }) => {
  const context = makeContext(dir, 'thousand', COPY)
  fillSources(context, 1000)
  return context
})
const manyFiles = once(({ dir }) => {
  const context = makeContext(dir, 'many', COPY)
  fillSources(context, 50_000)
  return context
})

/** A context of its own for each: to touch one must not help another. */
function copyOf(stage: Stage, original: string, builder: string): string {
  return join(stage.dir, `${original.slice(stage.dir.length + 1)}-${builder.split(' ')[0]}`)
}

/** Times say that every file is new, and the cache is left aside: everything is read, sent and written. */
async function allTouched(original: string, context: string): Promise<void> {
  if (!existsSync(context)) await must(['cp', '-r', original, context])
  await must(['find', context, '-type', 'f', '-exec', 'touch', '{}', '+'])
}

export const buildRows: readonly Row[] = [
  {
    title: 'unchanged rebuild of 20 steps',
    rounds: 9,
    contestants: (stage) => builds(stage, twentySteps(stage)),
  },
  {
    title: 'cold build of 20 steps (18 `RUN` in three chains)',
    rounds: 5,
    contestants: (stage) => builds(stage, twentySteps(stage), ['--no-cache']),
  },
  {
    title: 'cold build of five parallel stages (20 `RUN`)',
    rounds: 5,
    contestants: (stage) => builds(stage, fiveStages(stage), ['--no-cache']),
  },
  {
    title: 'rebuild with one of 1,000 files changed (`COPY`, `RUN`)',
    rounds: 5,
    contestants: (stage) =>
      builds(stage, thousandFiles(stage), [], (context) => ({ before: async () => editOne(context) })),
  },
  {
    title: 'cold build with a context of 50,000 files',
    rounds: 1,
    contestants: (stage) => {
      const original = manyFiles(stage)
      return builds(
        stage,
        (builder) => copyOf(stage, original, builder),
        ['--no-cache'],
        (context) => ({ before: () => allTouched(original, context) }),
      )
    },
  },
  {
    title: 'unchanged rebuild with a context of 50,000 files',
    rounds: 3,
    contestants: (stage) => builds(stage, manyFiles(stage)),
  },
]
