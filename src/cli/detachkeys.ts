import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { fail } from '#base'

/** `ctrl-p,ctrl-q`, `a,b`: the bytes that are typed. An empty text never detaches. */
export function parseDetachKeys(text: string): Uint8Array {
  const keys = text.split(',').filter(Boolean)
  return Uint8Array.from(keys, (key) => {
    const control = /^ctrl-([a-z@[\\\]^_])$/i.exec(key)?.[1]
    if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f
    if (key.length === 1) return key.charCodeAt(0)
    return fail('invalid_argument', `invalid detach key ${JSON.stringify(key)}`, {
      hint: 'a letter, or ctrl- and a letter',
    })
  })
}

/** `detachKeys` of Docker's config.json; a file that cannot be read or understood has none. */
export function configuredDetachKeys(): string | undefined {
  const { DOCKER_CONFIG, HOME } = process.env
  try {
    const text = readFileSync(`${DOCKER_CONFIG || `${HOME || homedir()}/.docker`}/config.json`, 'utf8')
    const { detachKeys } = JSON.parse(text) as { detachKeys?: unknown }
    return typeof detachKeys === 'string' && detachKeys !== '' ? detachKeys : undefined
  } catch {
    return undefined
  }
}
