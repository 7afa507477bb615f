import type { BuildRequest } from '#engine'
import type { Values } from '../../command.ts'
import { pairs } from '../environment.ts'
import { parseInteger } from '../quantities.ts'
import { given } from './given.ts'

/** How the Dockerfile is read. */
export const languageFlags = {
  'build-arg': { type: 'string', multiple: true, help: 'Set build-time variables' },
  'target-step': {
    type: 'string',
    value: 'int',
    help: 'Stop after this step of the target stage, by its number in the progress; the image is what is there then',
  },
  call: {
    type: 'string',
    help: 'Set method for evaluating build ("check", "outline", "targets")',
    complete: ['build', 'check', 'outline', 'targets'],
  },
  check: { type: 'boolean', help: 'Shorthand for "--call=check"' },
  target: { type: 'string', help: 'Set the target build stage to build' },
} as const

export const refusedLanguageFlags = ['policy'] as const

export function languageRequest(values: Values<typeof languageFlags>): Partial<BuildRequest> {
  return given({
    target: values.target,
    targetStep:
      values['target-step'] === undefined ? undefined : parseInteger(values['target-step'], '--target-step', 1),
    buildArgs: buildArguments(values['build-arg'] ?? []),
  })
}

/**
 * `NAME=value`, or `NAME` for the caller's own value; one that the caller lacks is left out. The caller's
 * SOURCE_DATE_EPOCH counts without being named.
 */
function buildArguments(items: readonly string[]): Record<string, string> {
  const { SOURCE_DATE_EPOCH: epoch } = process.env
  const given = items.flatMap((item) => {
    if (item.includes('=')) return [item]
    const value = process.env[item]
    return value === undefined ? [] : [`${item}=${value}`]
  })
  return { ...(epoch ? { SOURCE_DATE_EPOCH: epoch } : {}), ...pairs(given) }
}
