import { fail } from '#base'
import type { BuildRequest, Node } from '#engine'
import { nearest } from '../suggest.ts'

/** `--call=NAME[,format=json][,ignorestatus=true]`. */
export interface BuildCall {
  readonly name: 'check' | 'outline' | 'targets'
  readonly json: boolean
  readonly ignoreStatus: boolean
}

const NAMES: Readonly<Record<string, BuildCall['name'] | undefined>> = {
  check: 'check',
  lint: 'check',
  outline: 'outline',
  targets: 'targets',
}

/** Undefined for a build. */
export function parseCall(text: string | undefined, check: boolean | undefined): BuildCall | undefined {
  const fields = (text ?? (check ? 'check' : 'build')).split(',')
  const options = { json: false, ignoreStatus: false }
  let given: string | undefined
  for (const field of fields) {
    const [key = '', value] = field.split(/=(.*)/s)
    if (value === undefined && given === undefined) given = key
    else if (key === 'format' && (value === 'json' || value === 'text' || value === '')) options.json = value === 'json'
    else if (key === 'ignorestatus' && (value === 'true' || value === 'false')) options.ignoreStatus = value === 'true'
    else
      fail('invalid_argument', `invalid field ${JSON.stringify(field)} in --call`, {
        hint: 'the fields are format=json and ignorestatus=true',
      })
  }
  if (given === undefined || given === 'build') return undefined
  const name = NAMES[given]
  if (name) return { name, ...options }
  const close = nearest(given, Object.keys(NAMES))
  return fail('invalid_argument', `no such call: ${JSON.stringify(given)}`, {
    hint: close ? `did you mean ${close}?` : 'build, check, outline or targets',
  })
}

export interface Answer {
  readonly text: string
  /** The exit code. */
  readonly code: 0 | 1
}

/** Asks, prints the answer, and gives the exit code. */
export async function answerCall(
  node: Node,
  asked: BuildCall,
  request: BuildRequest,
  signal: AbortSignal,
): Promise<number> {
  const { text, code } = await ask(node, asked, request, signal)
  const { write } = await import('../output.ts')
  write(1, text)
  return code
}

export async function ask(
  node: Node,
  { name, json, ignoreStatus }: BuildCall,
  request: BuildRequest,
  signal: AbortSignal,
): Promise<Answer> {
  const questions = await node.images.questions()
  switch (name) {
    case 'targets': {
      const { targetsJson, targetsText } = await import('./targets.ts')
      const list = await questions.targets(request, { signal })
      return { text: json ? targetsJson(list) : targetsText(list), code: 0 }
    }
    case 'outline': {
      const { outlineJson, outlineText } = await import('./outline.ts')
      const outline = await questions.outline(request, { signal })
      return { text: json ? outlineJson(outline) : outlineText(outline), code: 0 }
    }
    case 'check': {
      const { checkJson, checkText } = await import('./check.ts')
      const report = await questions.check(request, { signal })
      const isFine = report.findings.length === 0 && !report.error
      return { text: json ? checkJson(report) : checkText(report), code: ignoreStatus || isFine ? 0 : 1 }
    }
  }
}
