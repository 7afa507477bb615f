import { text } from '#base'
import type { SecretReader } from '../http/request.ts'

/**
 * The part of git's configuration that logs in: the secrets GIT_AUTH_HEADER and GIT_AUTH_TOKEN, `.host` behind their
 * names for one host alone. They are sent to the remote and nowhere else, submodules of the same host apart.
 */
export function gitCredentials(remote: string, secret: SecretReader): string {
  if (!/^https?:/.test(remote) || !URL.canParse(remote)) return ''
  const { origin, host } = new URL(remote)
  const header = secret(`GIT_AUTH_HEADER.${host}`)
  const token = secret(`GIT_AUTH_TOKEN.${host}`)
  const value =
    (header && plain(header)) ??
    (token && basic(token)) ??
    fromGeneral(secret('GIT_AUTH_HEADER'), secret('GIT_AUTH_TOKEN'))
  return value === undefined ? '' : `[http "${origin}/"]\n\textraheader = "Authorization: ${quoted(value)}"\n`
}

function fromGeneral(header: Uint8Array | undefined, token: Uint8Array | undefined): string | undefined {
  if (header) return plain(header)
  return token && basic(token)
}

function plain(bytes: Uint8Array): string {
  return text(bytes).trim()
}

function basic(token: Uint8Array): string {
  return `basic ${btoa(`x-access-token:${plain(token)}`)}`
}

/** A value of git's configuration, which has no way to write a line end that is not `\\n`. */
function quoted(value: string): string {
  return value.replace(/[\r\n\0]/g, '').replace(/["\\]/g, '\\$&')
}
