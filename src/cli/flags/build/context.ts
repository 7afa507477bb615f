import { collect, fail } from '#base'
import type { BuildRequest } from '#engine'
import type { Values } from '../../command.ts'
import { readInput } from '../../input.ts'

/** Where the Dockerfile and the files that it names are read. */
export const contextFlags = {
  file: { type: 'string', short: 'f', help: 'Name of the Dockerfile (default: PATH/Dockerfile)', complete: 'file' },
} as const

export const refusedContextFlags = ['build-context'] as const

type ContextRequest = Pick<BuildRequest, 'context' | 'dockerfile' | 'dockerfileBytes'>

/** `path` is the command's one word. */
export async function contextRequest(values: Values<typeof contextFlags>, path: string): Promise<ContextRequest> {
  if (path === '-')
    fail('unimplemented', 'a build context on standard input is not supported', {
      hint: 'unpack it, and give its directory',
    })
  if (/^(https?|git|ssh):|^git@|\.git(#|$)/.test(path))
    fail('unimplemented', `a remote build context is not supported: ${path}`, {
      hint: 'clone it, and give its directory',
    })
  if (values.file === undefined) return { context: path }
  if (values.file !== '-') return { context: path, dockerfile: values.file }
  return { context: path, dockerfileBytes: await collect(readInput('-'), 16 << 20) }
}
