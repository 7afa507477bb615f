import type { Values } from '../command.ts'
import { parseInteger } from './quantities.ts'

/** How a container is asked to end, and how long it may take. */
export const stopFlags = {
  signal: { type: 'string', short: 's', help: 'Signal to send to the container' },
  time: {
    type: 'string',
    short: 't',
    value: 'int',
    help: 'Seconds to wait before killing the container (-1: for ever)',
  },
  timeout: { type: 'string', value: 'int', help: 'Same as --time' },
} as const

/** What the flags say, as the engine takes it. */
export function stopOptions(values: Values<typeof stopFlags>): { readonly timeout?: number; readonly signal?: string } {
  const time = values.timeout ?? values.time
  return {
    ...(time === undefined ? {} : { timeout: parseInteger(time, '--time', -1) }),
    ...(values.signal === undefined ? {} : { signal: values.signal }),
  }
}
