import type { Call, WarningProgress } from '#base'
import type { Digest } from '#oci'
import { checksOf, warnOfFindings } from './dockerfile/check/report.ts'
import { checkPlan } from './dockerfile/check/stage.ts'
import { planBuild, type Plan } from './dockerfile/plan/plan.ts'
import { squashedState } from './dockerfile/plan/squash.ts'
import { resolveEpochs, type Epochs } from './epoch/epochs.ts'
import { exportImages } from './export/images.ts'
import { exported } from './export/reported.ts'
import { openContexts, type OpenedBuild } from './opencontexts.ts'
import { originOf } from './provenance/origin.ts'
import { provenance } from './provenance/predicate.ts'
import type { BaseMaterial, BuildOrigin } from './provenance/types.ts'
import { cacheContents } from './remotecache/contents.ts'
import { givenBuild } from './remembered/given.ts'
import { solvedBuild } from './remembered/solved.ts'
import { BuildSession, type Solved } from './session.ts'
import { MAIN_CONTEXT } from './source/maincontext.ts'
import type { BuildHost, BuildOptions, BuildResult } from './types.ts'

/**
 * Builds an image, or one for each of several platforms and an index of them, from a Dockerfile. The result is in the
 * host's stores, under the host's lease and without a name: naming it is the caller's. Enters a private mount
 * namespace, so the process may use no asynchronous file system calls afterwards. Errors that a line of the
 * Dockerfile caused carry its place.
 */
export async function build(node: BuildHost, options: BuildOptions, call?: Call): Promise<BuildResult> {
  const bases: BaseMaterial[] = []
  const host = noting(node, bases)
  using session = new BuildSession(host, options, call)
  const opened = await openContexts(host, options, session, call)
  const times = await resolveEpochs(opened.dockerfile, options, { opened, session }, call)
  const warnings: WarningProgress[] = []
  const plans = await plansOf(host, options, { opened, times, noted: keeping(call, warnings) }, call)
  const { stacks, graph, ...counts } = await session.solve(plans, call)
  const made = plans.map(({ state }, i) => ({
    state,
    layers: stacks[i]!,
    platform: options.platforms?.[i] ?? state.platform,
    created: times.created,
    labels: options.labels ?? {},
    sizeOf: (layer: Digest) => graph.remote.sizeOf(layer),
  }))
  const asIndex = made.length > 1 || isTrue(options.buildArgs?.['BUILDKIT_MULTI_PLATFORM'])
  const { root, images } = await exported(call, () => exportImages(host, made, asIndex, call))
  const ended: Ended = { options, opened, times, session, plans, stacks, graph, warnings }
  const vertices = new Map(images.map((image, i) => [image, plans[i]!.state.vertex]))
  let origin: BuildOrigin | undefined
  return {
    root,
    images,
    cache: {
      contents: (mode) => cacheContents(host, graph, mode),
      remoteLayer: (diffId) => graph.remote.layer(diffId),
    },
    provenance: (image, how) => {
      origin ??= originOf({ options, name: opened.name, text: opened.text, bases, session })
      return provenance(origin, { platform: image.platform, vertex: vertices.get(image) }, how)
    },
    sources: session.resolved(),
    remembered: (program) => rememberedOf(ended, program),
    created: times.created,
    ...counts,
  }
}

interface Planning {
  readonly opened: OpenedBuild
  readonly times: Epochs
  /** Hears the warnings that a later build of the same is to repeat. */
  readonly noted: Call
}

/** What the Dockerfile means for each platform; every finding is told, whatever comes of it. */
async function plansOf(
  host: BuildHost,
  options: BuildOptions,
  { opened, times, noted }: Planning,
  call?: Call,
): Promise<readonly Plan[]> {
  const { dockerfile, planned, ignored } = opened
  const platforms = options.platforms ?? [undefined]
  const checks = checksOf(dockerfile, options)
  const observer = checkPlan(checks, ignored)
  const planning = Promise.all(
    platforms.map((platform, i) =>
      planBuild(
        dockerfile,
        {
          ...options,
          buildArgs: times.buildArgs,
          ...(platform ? { platform } : {}),
          oneOfSeveral: platforms.length > 1,
          ...(i === 0 ? { observer } : {}),
          ...(times.explicit === undefined ? {} : { epoch: times.explicit }),
          planned,
          resolveImage: (ref, wanted, inner) => host.resolveImage(ref, wanted, inner),
        },
        call,
      ),
    ),
  )
  const asked = await planning.finally(() => warnOfFindings(checks, noted))
  const plans = options.squash
    ? asked.map((plan) => ({ ...plan, state: squashedState(plan.state, times.explicit) }))
    : asked
  warnOfArguments(plans[0]!, noted)
  checks.refuse()
  return plans
}

/** A build that has ended well. */
interface Ended extends Pick<Solved, 'stacks' | 'graph'> {
  readonly options: BuildOptions
  readonly opened: OpenedBuild
  readonly times: Epochs
  readonly session: BuildSession
  readonly plans: readonly Plan[]
  readonly warnings: readonly WarningProgress[]
}

function rememberedOf(build: Ended, program: string): ReturnType<BuildResult['remembered']> {
  const { options, opened, times, session, plans, stacks, graph, warnings } = build
  const { text, head } = opened
  const directory = session.directories.get(MAIN_CONTEXT)
  const target = plans[0]!.state.vertex
  const [record] = (target && graph.keys.get(target)) ?? []
  const given = directory && givenBuild(options, { text, head, directory }, program)
  if (!given || !target || record === undefined || times.isDistant) return undefined
  const solved = solvedBuild({ target, record, layers: stacks[0]!, digests: session.digests(), warnings })
  return solved && { given, solved }
}

/** The node, remembering which images it was asked for. */
function noting(node: BuildHost, bases: BaseMaterial[]): BuildHost {
  return {
    ...node,
    resolveImage: async (ref, platform, call) => {
      const image = await node.resolveImage(ref, platform, call)
      bases.push({ ref, platform: image.platform, digest: image.descriptor.digest })
      return image
    },
  }
}

/** As Go reads truth. */
function isTrue(text: string | undefined): boolean {
  return /^(?:1|t|true)$/i.test(text ?? '')
}

/** A call whose warnings are kept as well. */
function keeping(call: Call | undefined, warnings: WarningProgress[]): Call {
  return {
    ...call,
    progress: (record) => {
      if (record.kind === 'warning') warnings.push(record)
      call?.progress?.(record)
    },
  }
}

function warnOfArguments(plan: Plan, call: Call | undefined): void {
  if (plan.unusedArgs.length > 0)
    call?.progress?.({
      kind: 'warning',
      message: `build arguments that no ARG declares: ${plan.unusedArgs.join(', ')}`,
    })
  if (plan.unusedFilters.length > 0)
    call?.progress?.({
      kind: 'warning',
      message: `no stage is called ${plan.unusedFilters.join(', ')}: --no-cache-filter has no effect there`,
    })
}
