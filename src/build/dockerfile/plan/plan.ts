import { checkCanceled, fail, type Call } from '#base'
import type { OpenedImage } from '#image'
import { formatPlatform, hostPlatform, type Digest, type Platform } from '#oci'
import { withLocation } from '../../location.ts'
import type { StepOptions } from '../../options/step.ts'
import { isCopy, isRun, isWorkdir, type Instruction, type RunInstruction, type Stage } from '../instruction.ts'
import { parseDockerfile } from '../parse.ts'
import { readInstruction } from '../read.ts'
import { mountFrom, mountType } from '../runmount.ts'
import { readStages } from '../stages.ts'
import type { Dockerfile, Statement } from '../syntax.ts'
import { applyCopy, type CopyFrom } from './copy.ts'
import { applyWorkdir, type LayerContext } from './files.ts'
import type { PlanObserver } from './observer.ts'
import { applyRun } from './run.ts'
import { applySetting } from './settings.ts'
import { emptyVertex, Sources, type SourcesOptions } from './sources.ts'
import { BuildArgs, expander, globalScope, platformArgs, splitter, type Variables } from './scope.ts'
import { checkSources, findStage, findTarget, meantStage, stageTable, type StageRow } from './stagetable.ts'
import { stepDefaults, type StepDefaults } from './stepdefaults.ts'
import { childState, imageState, scratchState, type StageState } from './state.ts'

/** What of a Dockerfile is planned, for whom, and with which arguments. */
export interface PlanOptions extends StepOptions, SourcesOptions {
  readonly target?: string
  readonly buildArgs?: Readonly<Record<string, string>>
  readonly platform?: Platform
  readonly targetStep?: number
  readonly noCacheFilter?: readonly string[]
  /** One of several platforms: the names of steps say which. */
  readonly oneOfSeveral?: boolean
  /** Plan every stage, needed or not. */
  readonly allStages?: boolean
  readonly observer?: PlanObserver
}

/** What a Dockerfile asks for: a graph, and the config that the result gets. */
export interface Plan {
  /** What is left after the target's last instruction. */
  readonly state: StageState
  /** Images that the graph reads, by manifest digest. */
  readonly images: ReadonlyMap<Digest, OpenedImage>
  readonly unusedArgs: readonly string[]
  /** Stages that `noCacheFilter` names and nobody defines. */
  readonly unusedFilters: readonly string[]
}

/**
 * Instructions to a graph. Looks only at the stages that the target needs, and reads nothing but image configs.
 * Errors point at the instruction.
 */
export async function planBuild(dockerfile: Dockerfile, options: PlanOptions, call?: Call): Promise<Plan> {
  return await new Planner(dockerfile, options, call).plan()
}

class Planner {
  readonly #dockerfile: Dockerfile
  readonly #options: PlanOptions
  readonly #call: Call | undefined
  readonly #buildArgs: BuildArgs
  readonly #steps: StepDefaults
  readonly #platform: Platform
  readonly #global: Variables
  readonly #stages: readonly StageRow[]
  readonly #states = new Map<StageRow, Promise<StageState>>()
  readonly #sources: Sources

  constructor(dockerfile: Dockerfile, options: PlanOptions, call: Call | undefined) {
    const { observer } = options
    const { globalArgs, stages } = readStages(dockerfile, (instruction) => observer?.instruction?.(instruction))
    this.#dockerfile = dockerfile
    this.#options = options
    this.#call = call
    this.#buildArgs = new BuildArgs(options.buildArgs ?? {})
    this.#steps = stepDefaults(options, this.#buildArgs)
    this.#sources = new Sources(options, call)
    this.#platform = options.platform ?? hostPlatform()
    const name = options.target ?? stages.at(-1)!.from.stage
    const defaults = platformArgs(hostPlatform(), this.#platform, name)
    const { escape } = dockerfile
    this.#global = globalScope(defaults, globalArgs, this.#buildArgs, escape)
    setEpoch(this.#global, options)
    observer?.file?.({ stages, globalArgs, defaults, global: this.#global, escape })
    this.#stages = stageTable(stages, this.#global, escape)
    checkSources(this.#stages, sourcesOf)
  }

  async plan(): Promise<Plan> {
    const target = this.#target()
    this.#prefetch(target, new Set())
    if (this.#options.allStages) for (const row of this.#stages) await this.#state(row)
    const state = await this.#state(target)
    const names = new Set(this.#stages.map((row) => row.stage.from.stage))
    return {
      state,
      images: this.#sources.images,
      unusedArgs: this.#buildArgs.unused(),
      unusedFilters: (this.#options.noCacheFilter ?? []).filter((name) => !names.has(name.toLowerCase())),
    }
  }

  #target(): StageRow {
    return findTarget(this.#stages, this.#options.target)
  }

  /** Asks for all base images that the target needs at once; whoever needs one waits for it. */
  #prefetch(row: StageRow, seen: Set<StageRow>): void {
    if (seen.has(row)) return
    seen.add(row)
    if (this.#replaced(row)) return this.#sources.prefetch(row.stage.from.stage!, this.#platformOf(row))
    if (row.base === undefined) this.#sources.prefetch(row.image, this.#platformOf(row))
    const inputs = row.stage.instructions.flatMap((instruction) =>
      sourcesOf(instruction).flatMap((from) => findStage(this.#stages, row, from, true) ?? []),
    )
    for (const input of [...inputs, ...(row.base ? [row.base] : [])]) this.#prefetch(input, seen)
  }

  #platformOf(row: StageRow): Platform {
    return row.platform ?? this.#platform
  }

  /** A context of the stage's own name stands for all of it. */
  #replaced({ stage, ...row }: StageRow): boolean {
    return stage.from.stage !== undefined && this.#sources.isContext(stage.from.stage, row.platform ?? this.#platform)
  }

  #state(row: StageRow): Promise<StageState> {
    let state = this.#states.get(row)
    if (!state) this.#states.set(row, (state = this.#build(row)))
    return state
  }

  async #build(row: StageRow): Promise<StageState> {
    const { stage } = row
    this.#options.observer?.stage?.(row)
    if (this.#replaced(row)) return await this.#at(stage.from.statement, () => this.#beginWith(stage.from.stage!, row))
    const state = await this.#at(stage.from.statement, () => this.#begin(row))
    const triggers = await this.#triggers(row, state)
    const instructions = [...triggers, ...stage.instructions]
    const about = this.#describer(row, instructions, triggers.length)
    const last = this.#lastOf(row, instructions)
    const { escape } = this.#dockerfile
    const expand = expander(state.variables, escape)
    const layer: LayerContext = {
      state,
      expand,
      about,
      epoch: this.#options.epoch,
      steps: this.#steps,
    }
    const { observer } = this.#options
    const words = splitter(state.variables, escape)
    for (const instruction of instructions.slice(0, last))
      await this.#at(instruction.statement, async () => {
        checkCanceled(this.#call)
        const scope = { buildArgs: this.#buildArgs, global: this.#global }
        const seen = { row, instruction, state, expand, words, escape, ...scope }
        observer?.before?.(seen)
        if (isRun(instruction)) applyRun(instruction, await this.#mounted(row, instruction), layer)
        else if (isCopy(instruction)) applyCopy(instruction, await this.#source(row, instruction.from), layer)
        else if (isWorkdir(instruction)) applyWorkdir(instruction, layer)
        else applySetting(instruction, seen)
        observer?.after?.(seen)
      })
    return state
  }

  async #begin(row: StageRow): Promise<StageState> {
    if (row.base) return childState(await this.#state(row.base))
    return await this.#beginWith(row.image, row)
  }

  /** With an image or a named context. */
  async #beginWith(name: string, row: StageRow): Promise<StageState> {
    const platform = this.#platformOf(row)
    const { image, vertex } = await this.#sources.base(name, platform).catch((error: unknown) => {
      throw meantStage(error, name, this.#stages)
    })
    if (image) this.#options.observer?.image?.(row, image.platform, platform)
    // An image for a platform that this one runs is what it is, not what was asked for.
    if (image && vertex) return imageState(image, vertex, row.platform ?? image.platform)
    return { ...scratchState(platform), vertex }
  }

  /** ONBUILD of the base, to be done first; they are not inherited further. */
  async #triggers(row: StageRow, state: StageState): Promise<Stage['instructions']> {
    const texts = row.base ? ((await this.#state(row.base)).config.OnBuild ?? []) : (state.config.OnBuild ?? [])
    delete state.config.OnBuild
    const { location } = row.stage.from.statement
    return await this.#at({ location }, async () =>
      texts.map((text) => {
        const parsed = parseDockerfile(text, `ONBUILD of ${row.image}`)
        const [statement] = parsed.statements
        if (!statement || parsed.statements.length !== 1)
          fail('invalid_argument', `the ONBUILD trigger ${JSON.stringify(text)} is not one instruction`)
        const instruction: Instruction = readInstruction({ ...statement, location }, parsed.escape)
        if (instruction.name === 'FROM' || instruction.name === 'ONBUILD' || instruction.name === 'MAINTAINER')
          fail('invalid_argument', `${instruction.name} isn't allowed as an ONBUILD trigger`)
        return instruction
      }),
    )
  }

  /** What the mounts of a step read, in their order. */
  async #mounted(row: StageRow, { mounts }: RunInstruction): Promise<(CopyFrom | undefined)[]> {
    return await Promise.all(
      mounts.map(async (text) => {
        const from = mountFrom(text)
        return from !== undefined || mountType(text) === 'bind' ? await this.#source(row, from) : undefined
      }),
    )
  }

  /** What `--from` reads: a stage by name or number, else an image; without it the context. */
  async #source(row: StageRow, from: string | undefined): Promise<CopyFrom> {
    if (from === undefined) return this.#sources.main
    const stage = findStage(this.#stages, row, from)
    if (!stage)
      return await this.#sources.from(from, this.#platform).catch((error: unknown) => {
        throw meantStage(error, from, this.#stages)
      })
    if (this.#replaced(stage)) return await this.#sources.from(stage.stage.from.stage!, this.#platformOf(stage))
    return { vertex: (await this.#state(stage)).vertex ?? emptyVertex() }
  }

  /** Names as people count steps: those that make layers, the base image first. */
  #describer(row: StageRow, instructions: Stage['instructions'], triggers: number): LayerContext['about'] {
    const base = baseSteps(row)
    const total = base + instructions.filter(makesLayer).length
    const ofTriggers = instructions.slice(0, triggers).filter(makesLayer).length
    const platform = this.#options.oneOfSeveral ? `${formatPlatform(this.#platformOf(row))} ` : ''
    const stage = nameOf(row)
    const label = platform + (this.#stages.length === 1 ? '' : `${stage} `)
    const fresh = this.#isFresh(row) ? { fresh: true } : {}
    let index = base
    return (given, { location }) => {
      index++
      const number = String(index).padStart(String(total).length)
      const text = `${index - base <= ofTriggers ? 'ONBUILD ' : ''}${capitalised(given)}`
      return { name: `[${label}${number}/${total}] ${text}`, location, step: { stage, index, text }, ...fresh }
    }
  }

  /** Whether no record counts for the steps of a stage. */
  #isFresh({ stage }: StageRow): boolean {
    const name = stage.from.stage
    return name !== undefined && (this.#options.noCacheFilter ?? []).some((wanted) => wanted.toLowerCase() === name)
  }

  /** How many of a stage's instructions are done: all, or those up to the step at which the target is to stop. */
  #lastOf(row: StageRow, instructions: Stage['instructions']): number {
    const { targetStep } = this.#options
    if (targetStep === undefined || row !== this.#target()) return instructions.length
    const base = baseSteps(row)
    const layers = instructions.flatMap((instruction, i) => (makesLayer(instruction) ? [i] : []))
    if (targetStep === base) return 0
    const at = layers[targetStep - base - 1]
    if (at !== undefined) return at + 1
    return fail('not_found', `the target stage has no step ${targetStep}`, {
      hint: `its steps are ${Math.min(1, base + layers.length)} to ${base + layers.length}`,
    })
  }

  async #at<T>({ location }: Pick<Statement, 'location'>, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw withLocation(error, location)
    }
  }
}

/** Stages see the number, not what it was taken from; an empty one from outside undoes the file's. */
function setEpoch(global: Variables, { epoch, buildArgs }: PlanOptions): void {
  const asked = global.get('SOURCE_DATE_EPOCH') ?? ''
  if (asked !== '' && epoch !== undefined) global.set('SOURCE_DATE_EPOCH', `${epoch}`)
  else if (/\D/.test(asked) || buildArgs?.['SOURCE_DATE_EPOCH'] === '') global.delete('SOURCE_DATE_EPOCH')
}

const LAYERS: ReadonlySet<string> = new Set(['ADD', 'COPY', 'RUN', 'WORKDIR'])

function makesLayer({ name }: Instruction): boolean {
  return LAYERS.has(name)
}

/** A base image counts as the first step. */
function baseSteps(row: StageRow): number {
  return row.base === undefined && row.image !== 'scratch' ? 1 : 0
}

function nameOf({ stage }: StageRow): string {
  return stage.from.stage ?? `stage-${stage.index}`
}

/** The stages and images that an instruction reads, as it names them. */
function sourcesOf(instruction: Instruction): readonly string[] {
  if (isRun(instruction)) return instruction.mounts.flatMap((text) => mountFrom(text) ?? [])
  return instruction.name === 'COPY' && instruction.from !== undefined ? [instruction.from] : []
}

/** The keyword in capitals, the rest as it is. */
function capitalised(text: string): string {
  const [keyword = ''] = text.split(/\s/, 1)
  return keyword.toUpperCase() + text.slice(keyword.length)
}
