import { fail } from '#base'
import type { BuildRequest } from '#engine'
import { answerCall, parseCall } from '../buildcall/call.ts'
import { command, type Command, type Values } from '../command.ts'
import { cacheFlags, cacheRequest } from '../flags/build/cache.ts'
import { contextFlags, contextRequest, refusedContextFlags } from '../flags/build/context.ts'
import { languageFlags, languageRequest, refusedLanguageFlags } from '../flags/build/language.ts'
import { writeResult } from '../flags/build/metadata.ts'
import { onErrorFlags, onErrorRequest } from '../flags/build/onerror.ts'
import { lockFlags, lockRequest } from '../flags/build/lock.ts'
import { progressFlags, progressOf } from '../flags/build/progress.ts'
import { resultFlags, resultRequest } from '../flags/build/result.ts'
import { refusedStepFlags, stepFlags, stepRequest } from '../flags/build/step.ts'
import { whyFlags, whyOf } from '../flags/build/why.ts'
import { print } from '../output.ts'
import { labelled } from '../progress/labelled.ts'

const REFUSED = [...refusedContextFlags, ...refusedLanguageFlags, ...refusedStepFlags, 'builder']

type Flags = typeof cacheFlags &
  typeof contextFlags &
  typeof languageFlags &
  typeof lockFlags &
  typeof resultFlags &
  typeof stepFlags

/** What the flags ask of a build of the context `path`. */
export async function requestOf(values: Values<Flags>, path: string): Promise<BuildRequest> {
  return {
    ...(await contextRequest(values, path)),
    ...languageRequest(values),
    ...lockRequest(values, path),
    ...cacheRequest(values),
    ...stepRequest(values),
    ...resultRequest(values),
  }
}

/** One file of `flags/build/` per subject. */
export const build: Command = command({
  usage: '[OPTIONS] PATH | URL | -',
  summary: 'Build an image from a Dockerfile',
  options: {
    ...cacheFlags,
    ...contextFlags,
    ...languageFlags,
    ...lockFlags,
    ...onErrorFlags,
    ...progressFlags,
    ...resultFlags,
    ...stepFlags,
    ...whyFlags,
    verify: { type: 'boolean', help: 'Build a second time, elsewhere and without cache, and compare' },
    // What scripts pass to docker out of habit, and what is always so here.
    rm: { type: 'boolean', help: 'Accepted: steps never leave containers' },
    'force-rm': { type: 'boolean', help: 'Accepted: steps never leave containers' },
  },
  refused: Object.fromEntries(REFUSED.map((name) => [name, ''])),
  min: 1,
  max: 1,
  completes: 'directory',
  run: async (context, values, [path]) => {
    if (values.verify && path === '-')
      fail('invalid_argument', '--verify builds twice, and standard input can be read once', {
        hint: 'give the context as a directory or a URL',
      })
    const request = await requestOf(values, path!)
    const node = await context.node()
    const question = parseCall(values.call, values.check)
    if (question) return await answerCall(node, question, request, context.signal)
    using progress = await progressOf(values, `cairn build ${path!}`)
    const why = whyOf(values)
    const asked = { ...request, ...onErrorRequest(values, progress), ...why.request }
    const building = node.images.build(asked, { signal: context.signal, progress: progress.report })
    const built = await building.catch((error: unknown) => {
      if (values.why !== undefined) progress.end()
      why.show()
      throw error
    })
    const again = { signal: context.signal, progress: labelled('again', progress.report) }
    const verified = values.verify ? await node.images.verify(request, again) : undefined
    progress.end()
    why.show()
    writeResult(values, built)
    if (values.quiet || values.progress === 'quiet') print(built.id)
    return verified && (await import('../verified.ts')).reportVerification(verified)
  },
})
