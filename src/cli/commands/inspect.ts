import { fail, isCode } from '#base'
import type { Node } from '#engine'
import { command, type Command, type Context } from '../command.ts'
import { printEach } from '../format/list.ts'
import { print } from '../output.ts'
import { report } from '../report.ts'

type Kind = 'container' | 'image' | 'volume'

const options = {
  format: { type: 'string', short: 'f', help: "Format output: 'json' or a Go template", complete: ['json'] },
  size: { type: 'boolean', short: 's', help: 'Display total file sizes if the type is container' },
} as const

export const inspect: Command = command({
  usage: '[OPTIONS] NAME|ID [NAME|ID...]',
  summary: 'Return low-level information on containers and images',
  options: {
    ...options,
    type: {
      type: 'string',
      help: 'Only inspect objects of the given type',
      complete: ['container', 'image', 'volume'],
    },
  },
  min: 1,
  completes: 'container',
  run: async (context, values, words) => {
    const { type } = values
    if (type !== undefined && type !== 'container' && type !== 'image' && type !== 'volume')
      fail('invalid_argument', `${JSON.stringify(type)} is not a valid value for --type`, {
        hint: 'container, image or volume',
      })
    return show(context, words, type ? [type] : ['container', 'image', 'volume'], values)
  },
})

export const containerInspect: Command = command({
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Display detailed information on one or more containers',
  options,
  min: 1,
  completes: 'container',
  run: async (context, values, words) => show(context, words, ['container'], values),
})

export const imageInspect: Command = command({
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  summary: 'Display detailed information on one or more images',
  options: { format: options.format },
  min: 1,
  completes: 'image',
  run: async (context, values, words) => show(context, words, ['image'], values),
})

/** Prints what was found as one JSON array, as docker does, and then what was not. */
export async function show(
  context: Context,
  words: readonly string[],
  kinds: readonly Kind[],
  values: { readonly format?: string; readonly size?: boolean },
): Promise<number> {
  const node = await context.node()
  const found: object[] = []
  const errors: unknown[] = []
  for (const word of words) {
    try {
      found.push(await lookUp(node, word, kinds, values.size === true))
    } catch (error) {
      errors.push(error)
    }
  }
  if (values.format !== undefined && values.format !== 'json') printEach(found, values.format)
  else print(values.format === 'json' ? JSON.stringify(found) : JSON.stringify(found, undefined, 4))
  for (const error of errors) report(error, { failure: 1, debug: context.debug })
  return errors.length > 0 ? 1 : 0
}

async function lookUp(node: Node, word: string, kinds: readonly Kind[], size: boolean): Promise<object> {
  for (const kind of kinds) {
    try {
      if (kind === 'container') return await node.containers.inspect(word, { size })
      if (kind === 'image') return await node.images.inspect(word)
      return await node.volumes.inspect(word)
    } catch (error) {
      if (kinds.length === 1 || !isCode(error, 'not_found')) throw error
    }
  }
  return fail('not_found', `no such object: ${word}`)
}
