import { collect, fail } from '#base'
import type { BuildRequest } from '#engine'
import type { Values } from '../../command.ts'
import { readInput } from '../../input.ts'
import { given } from './given.ts'

/** Where the Dockerfile and the files that it names are read. */
export const contextFlags = {
  'build-context': {
    type: 'string',
    multiple: true,
    help: 'Additional build contexts (name=path, docker-image://, oci-layout://, git or http URL)',
  },
  file: { type: 'string', short: 'f', help: 'Name of the Dockerfile (default: PATH/Dockerfile)', complete: 'file' },
} as const

export const refusedContextFlags = [] as const

type ContextRequest = Pick<BuildRequest, 'context' | 'contextStream' | 'contexts' | 'dockerfile' | 'dockerfileBytes'>

/** `path` is the command's one word. */
export async function contextRequest(values: Values<typeof contextFlags>, path: string): Promise<ContextRequest> {
  const isStream = path === '-'
  if (isStream && values.file === '-')
    fail('invalid_argument', "can't use stdin for both build context and dockerfile", {
      hint: 'give one of them a path',
    })
  const contexts = values['build-context']?.map(namedContext)
  return {
    context: path,
    ...given({
      contextStream: isStream ? readInput('-') : undefined,
      contexts: contexts && Object.fromEntries(contexts),
      dockerfile: values.file === '-' ? undefined : values.file,
      dockerfileBytes: values.file === '-' ? await collect(readInput('-'), 16 << 20) : undefined,
    }),
  }
}

function namedContext(text: string): readonly [string, string] {
  const equals = text.indexOf('=')
  if (equals < 1 || equals === text.length - 1)
    fail('invalid_argument', `invalid context value: ${text}`, { hint: 'write --build-context name=value' })
  return [text.slice(0, equals), text.slice(equals + 1)]
}
