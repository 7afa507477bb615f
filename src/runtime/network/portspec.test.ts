import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { CairnError } from '#base'
import { formatPorts, parsePublish, portsConflict } from './portspec.ts'
import type { PortMapping } from './types.ts'

function port(
  hostIp: string,
  hostPort: number,
  containerPort: number,
  protocol: PortMapping['protocol'] = 'tcp',
): PortMapping {
  return { hostIp, hostPort, containerPort, protocol }
}

describe('parsePublish', () => {
  test.each<[string, PortMapping[]]>([
    ['80', [port('', 0, 80)]],
    ['8080:80', [port('', 8080, 80)]],
    [':8080:80', [port('', 8080, 80)]],
    ['0:80', [port('', 0, 80)]],
    ['8080:80/udp', [port('', 8080, 80, 'udp')]],
    ['8080:80/TCP', [port('', 8080, 80)]],
    ['9000:9000/sctp', [port('', 9000, 9000, 'sctp')]],
    ['127.0.0.1:8080:80', [port('127.0.0.1', 8080, 80)]],
    ['127.0.0.1::80', [port('127.0.0.1', 0, 80)]],
    ['0.0.0.0:8080:80', [port('0.0.0.0', 8080, 80)]],
    ['[::1]:8080:80', [port('::1', 8080, 80)]],
    ['[FD00:0::5]:8080:80/udp', [port('fd00::5', 8080, 80, 'udp')]],
    ['::1:8080:80', [port('::1', 8080, 80)]],
    ['[::]:8080:80', [port('::', 8080, 80)]],
    ['8000-8002:80-82', [port('', 8000, 80), port('', 8001, 81), port('', 8002, 82)]],
    ['80-81', [port('', 0, 80), port('', 0, 81)]],
    ['8080-8080:80', [port('', 8080, 80)]],
    ['65535:65535', [port('', 65535, 65535)]],
  ])('%s', (text, mappings) => {
    expect(parsePublish(text)).toEqual(mappings)
  })

  test('a range of host ports for one container port is a choice', () => {
    expect(parsePublish('127.0.0.1:8000-8010:80')).toEqual([{ ...port('127.0.0.1', 8000, 80), hostPortEnd: 8010 }])
  })

  test.each([
    ['', 'no container port'],
    ['8080:', 'no container port'],
    ['8080:/tcp', 'no container port'],
    ['0', 'invalid container port "0"'],
    ['8080:0', 'invalid container port "0"'],
    ['8080:65536', 'invalid container port "65536"'],
    ['70000:80', 'invalid host port "70000"'],
    ['http:80', 'invalid host port "http"'],
    ['8080:80-', 'invalid container port "80-"'],
    ['8080:+80', 'invalid container port "+80"'],
    ['8080:80/', 'unknown protocol ""'],
    ['8080:80/icmp', 'unknown protocol "icmp"'],
    ['8080:80/tcp/udp', 'more than one protocol'],
    ['8002-8000:80-82', 'the range 8002-8000 ends before it starts'],
    ['8000-8001:80-82', '8000-8001 and 80-82 are ranges of different lengths'],
    ['8000:80-82', '8000 and 80-82 are ranges of different lengths'],
    ['0-5:80', 'a range of host ports starts at 1'],
    ['localhost:8080:80', 'invalid IP address "localhost"'],
    ['1.2.3:8080:80', 'invalid IP address "1.2.3"'],
    ['[127.0.0.1]:8080:80', 'invalid IP address "[127.0.0.1]"'],
    ['[::1:8080:80', 'invalid IP address "[::1"'],
    ['a:b:c:d', 'invalid IP address "a:b"'],
  ])('%j: %s', (text, message) => {
    expect(() => parsePublish(text)).toThrow(`invalid published port ${JSON.stringify(text)}: ${message}`)
  })

  test('refuses or answers with ports in bounds, whatever the text', () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'0189:-[]./tcpud'.split('')) }))
    fc.assert(
      fc.property(text, (value) => {
        try {
          for (const { hostPort, containerPort } of parsePublish(value)) {
            expect(hostPort >= 0 && hostPort < 65536 && containerPort > 0 && containerPort < 65536).toBe(true)
          }
        } catch (error) {
          if (!(error instanceof CairnError) || error.code !== 'invalid_argument') throw error
        }
      }),
    )
  })
})

describe('portsConflict', () => {
  test.each<[string, string, boolean]>([
    ['', '', true],
    ['', '127.0.0.1', true],
    ['', '::', true],
    ['0.0.0.0', '127.0.0.1', true],
    ['0.0.0.0', '::', false],
    ['::', 'fd00::1', true],
    ['::', '127.0.0.1', false],
    ['127.0.0.1', '127.0.0.2', false],
    ['127.0.0.1', '127.0.0.1', true],
  ])('%j and %j: %p', (a, b, conflict) => {
    expect(portsConflict(port(a, 80, 1), port(b, 80, 2))).toBe(conflict)
    expect(portsConflict(port(b, 80, 1), port(a, 80, 2))).toBe(conflict)
    expect(portsConflict(port(a, 80, 1), port(b, 81, 1))).toBe(false)
    expect(portsConflict(port(a, 80, 1), port(b, 80, 1, 'udp'))).toBe(false)
  })
})

describe('formatPorts', () => {
  test.each<[string, PortMapping[]]>([
    ['', []],
    ['0.0.0.0:8080->80/tcp, [::]:8080->80/tcp', [port('', 8080, 80)]],
    ['127.0.0.1:8080->80/tcp', [port('127.0.0.1', 8080, 80)]],
    ['0.0.0.0:53->53/udp', [port('0.0.0.0', 53, 53, 'udp')]],
    ['0.0.0.0:8000-8002->8000-8002/tcp', [8001, 8000, 8002].map((number) => port('0.0.0.0', number, number))],
    ['0.0.0.0:80->80/tcp, 0.0.0.0:82->82/tcp', [80, 82].map((number) => port('0.0.0.0', number, number))],
    ['0.0.0.0:8000->80/tcp, 0.0.0.0:8001->81/tcp', [port('0.0.0.0', 8001, 81), port('0.0.0.0', 8000, 80)]],
    ['[fd00::1]:53->53/tcp, [fd00::1]:53->53/udp', [port('fd00::1', 53, 53, 'udp'), port('fd00::1', 53, 53)]],
  ])('%s', (column, ports) => {
    expect(formatPorts(ports)).toBe(column)
  })

  test('exposed ports that are not published come without an address', () => {
    expect(
      formatPorts([port('', 8080, 80)], { exposed: ['80/tcp', '443/tcp', '444/tcp', '53/udp'], ipv6: false }),
    ).toBe('53/udp, 443-444/tcp, 0.0.0.0:8080->80/tcp')
  })
})
