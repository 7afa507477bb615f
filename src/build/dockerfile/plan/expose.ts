import { fail } from '#base'
import { tryParseAddress } from '#runtime'

/** `80`, `8000-8002/udp`, `127.0.0.1:80:80`: the container's ports as `port/protocol`. */
export function parseExposed(text: string): string[] {
  const refuse = (why: string): never =>
    fail('invalid_argument', `invalid port ${JSON.stringify(text)}: ${why}`, {
      hint: 'write a port or range, perhaps with /tcp, /udp or /sctp',
    })
  const parts = text.split(':')
  const [range = '', protocolText = ''] = cut(parts.at(-1)!, '/')
  const protocol = protocolText.toLowerCase() || 'tcp'
  if (!['tcp', 'udp', 'sctp'].includes(protocol)) refuse(`unknown protocol ${protocolText}`)
  const [start, end] = portRange(range) ?? refuse('not a port or range between 0 and 65535')
  const address = parts.slice(0, -2).join(':')
  if (address !== '' && !tryParseAddress(address.replace(/^\[(.*)\]$/, '$1'))) refuse(`${address} is no IP address`)
  const host = parts.length > 1 ? parts.at(-2)! : ''
  const hostRange = host === '' ? undefined : (portRange(host) ?? refuse('invalid host port'))
  if (hostRange && hostRange[1] - hostRange[0] !== end - start && end !== start) refuse('the ranges differ in length')
  return Array.from({ length: end - start + 1 }, (_, i) => `${start + i}/${protocol}`)
}

function portRange(text: string): readonly [number, number] | undefined {
  const [first = '', last = first] = cut(text, '-')
  if (!/^\d{1,5}$/.test(first) || !/^\d{1,5}$/.test(last)) return undefined
  const start = Number(first)
  const end = Number(last)
  return start > end || end > 65535 ? undefined : [start, end]
}

function cut(text: string, separator: string): string[] {
  const at = text.indexOf(separator)
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}
