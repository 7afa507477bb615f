import { fail, utf8 } from '#base'
import type { Credential } from '../types.ts'

/** `Basic …` of RFC 7617, UTF-8. */
export function basicHeader({ username, password }: Credential & { kind: 'basic' }): string {
  if (username.includes(':')) fail('invalid_argument', 'a user name cannot contain a colon')
  return `Basic ${base64(`${username}:${password}`)}`
}

export function base64(text: string): string {
  return btoa(String.fromCharCode(...utf8(text)))
}

/** The text behind base64, or undefined. */
export function fromBase64(encoded: string): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(
      Uint8Array.from(atob(encoded.trim()), (c) => c.charCodeAt(0)),
    )
  } catch {
    return undefined
  }
}
