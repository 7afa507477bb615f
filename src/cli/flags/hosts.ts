import { fail } from '#base'

/** `--add-host name:address`. */
export function extraHost(text: string): string {
  const [, name, address] = /^([^:=]+)[:=](.+)$/.exec(text) ?? []
  const ip = address?.replace(/^\[|\]$/g, '')
  if (name === undefined || ip === undefined || !(ip === 'host-gateway' || /^[\d.]+$|:/.test(ip)))
    fail('invalid_argument', `bad format for add-host: ${JSON.stringify(text)}`, { hint: 'name:address is meant' })
  return `${name}:${ip}`
}
