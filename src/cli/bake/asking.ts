import type { Target } from '#bake'
import type { BuildRequest, Node } from '#engine'
import { ask, type BuildCall } from '../buildcall/call.ts'
import { print } from '../output.ts'

/** A target that is asked about instead of built. */
export interface AskedTarget {
  readonly target: Target
  readonly question: BuildCall
  readonly request: BuildRequest
}

/** Answers one after the other, by name; with 1 where any of them ends with 1. In JSON when all are asked so. */
export async function answerTargets(
  node: Node,
  targets: ReadonlyMap<string, AskedTarget>,
  signal: AbortSignal,
): Promise<number> {
  const names = [...targets.keys()].toSorted()
  const inJson = [...targets.values()].every(({ question }) => question.json)
  const answers: Record<string, object> = {}
  let worst = 0
  for (const [i, name] of names.entries()) {
    const { target, question, request } = targets.get(name)!
    const { text, code } = await ask(node, { ...question, json: inJson }, request, signal)
    worst = Math.max(worst, code)
    if (inJson) answers[name] = { build: target, [question.name]: JSON.parse(text) as unknown }
    else
      print(
        [...(i > 0 ? [''] : []), name, ...(target.description ? [target.description] : []), '', text.trimEnd()].join(
          '\n',
        ),
      )
  }
  if (inJson) print(JSON.stringify({ target: answers }, undefined, 2))
  return worst
}
