import { describe, expect, test } from 'bun:test'
import { checkHostPort, choosePorts } from './hostports.ts'
import { parsePublish } from './portspec.ts'

const listening = (hostname: string): Bun.TCPSocketListener<undefined> =>
  Bun.listen({ hostname, port: 0, socket: { data: () => undefined } })

describe('choosePorts', () => {
  test('keeps fixed ports and finds free ones for the rest', () => {
    const chosen = choosePorts([...parsePublish('8080:80'), ...parsePublish('81'), ...parsePublish('82/udp')], [])
    expect(chosen[0]).toEqual({ hostIp: '', hostPort: 8080, containerPort: 80, protocol: 'tcp' })
    for (const { hostPort } of chosen.slice(1)) expect(hostPort >= 49153 && hostPort <= 65535).toBe(true)
  })

  test('one port published twice is refused by name', () => {
    const twice = [...parsePublish('8080:80'), ...parsePublish('8080:81')]
    expect(() => choosePorts(twice, [])).toThrow('port 8080 is published twice, to 80 and 81 of the container')
    const apart = [...parsePublish('8080:80'), ...parsePublish('8080:80/udp'), ...parsePublish('8081:80')]
    expect(choosePorts(apart, [])).toHaveLength(3)
    const families = [...parsePublish('0.0.0.0:8080:80'), ...parsePublish('[::]:8080:80')]
    expect(choosePorts(families, [])).toHaveLength(2)
  })

  test('a range skips what is taken, chosen or bound', () => {
    using server = listening('127.0.0.1')
    const first = server.port
    const last = Math.min(first + 200, 65535)
    const range = parsePublish(`127.0.0.1:${first}-${last}:80`)
    const taken = { hostIp: '', hostPort: first + 1, containerPort: 1, protocol: 'tcp' } as const
    const [one, two] = choosePorts([...range, ...range], [taken])
    expect(one?.hostPort).toBeGreaterThan(first + 1)
    expect(two?.hostPort).toBeGreaterThan(one?.hostPort ?? 0)
    expect(one).not.toHaveProperty('hostPortEnd')
  })

  test('says when a range is full', () => {
    using server = listening('0.0.0.0')
    const range = [
      { hostIp: '', hostPort: server.port, hostPortEnd: server.port, containerPort: 80, protocol: 'tcp' },
    ] as const
    expect(() => choosePorts(range, [])).toThrow(
      `no free host port in ${server.port}-${server.port} for container port 80`,
    )
  })
})

describe('checkHostPort', () => {
  test('only overlapping addresses and the same protocol are in use', () => {
    using server = listening('127.0.0.1')
    const check = (hostIp: string, protocol: 'tcp' | 'udp'): (() => void) => {
      return () => checkHostPort({ hostIp, hostPort: server.port, containerPort: 80, protocol })
    }
    for (const hostIp of ['', '0.0.0.0', '127.0.0.1'])
      expect(check(hostIp, 'tcp')).toThrow('already in use by a process')
    expect(check('127.0.0.2', 'tcp')).not.toThrow()
    expect(check('127.0.0.1', 'udp')).not.toThrow()
  })
})
