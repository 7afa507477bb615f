import { hostPlatform, type Platform } from '#oci'
import { globalScope, platformArgs, BuildArgs, type Variables } from '../dockerfile/plan/scope.ts'
import { readStages } from '../dockerfile/stages.ts'
import type { Stage } from '../dockerfile/instruction.ts'
import type { Dockerfile, Statement } from '../dockerfile/syntax.ts'
import type { BuildOptions } from '../types.ts'

export const EPOCH = 'SOURCE_DATE_EPOCH'

/** Which epoch a build is to have, as it was written, and what may be meant by it. */
export interface AskedEpoch {
  readonly text: string
  /** The ARG that says so; the first FROM where it came from outside. */
  readonly at: Pick<Statement, 'location'>
  readonly stages: readonly Stage[]
  /** The scope above the first FROM, without the epoch itself. */
  readonly global: Variables
  readonly platform: Platform
  /** Before what ARGs say. */
  readonly buildArgs: BuildArgs
}

/** The build argument, else the ARG above the first FROM; undefined where neither says anything. */
export function askedEpoch(dockerfile: Dockerfile, options: BuildOptions): AskedEpoch | undefined {
  const given = options.buildArgs?.[EPOCH]
  // Most files name it nowhere, and are read once more only if they do.
  if (given === '' || (given === undefined && !isNamed(dockerfile))) return undefined
  const { globalArgs, stages } = readStages(dockerfile)
  const [platform = hostPlatform()] = options.platforms ?? []
  const buildArgs = new BuildArgs(options.buildArgs ?? {})
  const name = options.target ?? stages.at(-1)!.from.stage
  const global = globalScope(platformArgs(hostPlatform(), platform, name), globalArgs, buildArgs, dockerfile.escape)
  const text = given ?? global.get(EPOCH)
  if (text === undefined || text === '') return undefined
  global.delete(EPOCH)
  const said = globalArgs.findLast(({ args }) => args.some(({ key }) => key === EPOCH))
  const { statement } = given === undefined && said ? said : stages[0]!.from
  return { text, at: statement, stages, global, platform, buildArgs }
}

function isNamed({ statements }: Dockerfile): boolean {
  return statements.some(({ name, text }) => name === 'ARG' && text.includes(EPOCH))
}
