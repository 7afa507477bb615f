import { fail, type Call } from '#base'
import { nearest } from '../dockerfile/nearest.ts'
import type { Dockerfile } from '../dockerfile/syntax.ts'
import { located } from '../location.ts'
import type { BuildVertex } from '../ops/definition.ts'
import type { OpenedSource } from '../opencontexts.ts'
import type { BuildSession } from '../session.ts'
import type { BuildOptions } from '../types.ts'
import { askedEpoch, EPOCH, type AskedEpoch } from './asked.ts'
import { sourceStage } from './stage.ts'
import { sourceTime } from './time.ts'

/** The two times of a build, in seconds: decision 005. */
export interface Epochs {
  /** What somebody asked for: part of the keys. */
  readonly explicit: number | undefined
  /** The time of config and history. */
  readonly created: number
  /** The build arguments, with the number in place of what named its source. */
  readonly buildArgs: Readonly<Record<string, string>>
  /** A URL or a repository was asked for it. */
  readonly isDistant: boolean
}

/** 9999-12-31, the last day that an image's `created` can name. */
const END = 253_402_300_800

/**
 * The build argument SOURCE_DATE_EPOCH, else an ARG of that name above the first FROM: seconds, or where they are to be
 * found – `context`, a named context, or a stage that adds one URL or repository. Contexts of this machine have the
 * time of their git HEAD; where there is none, nothing was asked for.
 */
export async function resolveEpochs(
  dockerfile: Dockerfile,
  options: BuildOptions,
  { opened, session }: { readonly opened: OpenedSource; readonly session: BuildSession },
  call?: Call,
): Promise<Epochs> {
  const { head } = opened
  const { buildArgs = {} } = options
  const asked = askedEpoch(dockerfile, options)
  if (!asked) return { explicit: undefined, created: head ?? 0, buildArgs, isDistant: false }
  const isNumber = /^[+-]?\d+$/.test(asked.text)
  const source = isNumber ? undefined : await sourceOf(asked, dockerfile, opened, call)
  const explicit = isNumber ? seconds(asked) : source ? await sourceTime(source, session, call) : head
  const { [EPOCH]: given, ...others } = buildArgs
  return {
    explicit,
    created: explicit ?? head ?? 0,
    buildArgs: given === undefined || explicit === undefined ? others : { ...others, [EPOCH]: `${explicit}` },
    isDistant: source !== undefined,
  }
}

/** What the epoch's name stands for; undefined for a directory of this machine, or an image. */
async function sourceOf(
  asked: AskedEpoch,
  { escape }: Dockerfile,
  { planned }: OpenedSource,
  call?: Call,
): Promise<BuildVertex | undefined> {
  const { text, at, stages, platform } = asked
  if (text === 'context') return 'vertex' in planned.main ? planned.main.vertex : undefined
  if (planned.has(text, platform)) {
    const found = await planned.get(text, platform, call)
    return typeof found === 'object' && 'vertex' in found ? found.vertex : undefined
  }
  const stage = stages.find(({ from }) => from.stage === text.toLowerCase())
  if (stage) return sourceStage(stage, asked, escape)
  const close = nearest(text, ['context', ...stages.flatMap(({ from }) => from.stage ?? [])])
  return located(at, () =>
    fail('invalid_argument', `invalid SOURCE_DATE_EPOCH: ${text}`, {
      hint:
        close === undefined ? 'seconds since 1970, context, or a stage that adds one URL' : `did you mean ${close}?`,
    }),
  )
}

function seconds({ text, at }: AskedEpoch): number {
  const value = Number(text)
  if (value >= 0 && value < END) return value
  return located(at, () => fail('invalid_argument', `SOURCE_DATE_EPOCH must be seconds since 1970, not ${text}`))
}
