import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fail, reasonOf } from '#base'
import type { ServeRequest } from '#engine'
import type { Values } from '../../command.ts'

/** Where a registry keeps everything. */
export const storageFlags = {
  storage: { type: 'string', help: 'Keep everything in this directory (default ROOT/registry)', complete: 'directory' },
  store: {
    type: 'string',
    help: 'local: serve the images of this machine, and take what is pushed in among them',
    complete: ['local'],
  },
} as const

export function storageOf({ storage, store }: Values<typeof storageFlags>): Pick<ServeRequest, 'storage'> {
  if (store !== undefined && store !== 'local') fail('invalid_argument', `--store ${store}: there is only local`)
  if (store !== undefined && storage !== undefined) fail('invalid_argument', '--store and --storage exclude each other')
  if (store === 'local') return { storage: { kind: 'local' } }
  return storage === undefined ? {} : { storage: { kind: 'directory', root: resolve(storage) } }
}

/** A configuration file; the engine checks what is in it. */
export function readConfig(path: string): ServeRequest {
  try {
    const config: unknown = Bun.YAML.parse(readFileSync(path, 'utf8'))
    if (typeof config !== 'object' || config === null || Array.isArray(config)) throw new Error('not an object')
    return config
  } catch (error) {
    return fail('invalid_argument', `cannot read ${path}: ${reasonOf(error)}`, { cause: error })
  }
}
