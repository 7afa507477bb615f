import { afterEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { networkFiles, writeNetworkFiles, type NetworkFileOptions } from './etc.ts'

const host = {
  hosts: '127.0.0.1 localhost\n10.0.0.1 thehost',
  resolvConf:
    '# made by hand\nnameserver 127.0.0.1\nnameserver 9.9.9.9 # good\nnameserver ::1\nnameserver fd00::53\nsearch a.example b.example\noptions ndots:2\n',
}
const files = (options: Partial<NetworkFileOptions> = {}, from = host): ReturnType<typeof networkFiles> =>
  networkFiles({ hostname: 'box', addresses: ['10.88.0.2'], ...options }, from)

describe('hosts', () => {
  test('ends with the container itself', () => {
    const { hosts } = files({ addresses: ['10.88.0.2', 'fd00::2'], domainname: 'lan', aliases: ['db'] })
    expect(hosts).toStartWith('127.0.0.1\tlocalhost\n::1\t')
    expect(hosts).toEndWith('10.88.0.2\tbox.lan box db\nfd00::2\tbox.lan box db\n')
  })
  test('has the extra ones', () => {
    const { hosts } = files({ extraHosts: ['a:1.2.3.4', 'b=::5', 'c:[::6]', 'gw:host-gateway'], gateway: '10.88.0.1' })
    expect(hosts).toContain('1.2.3.4\ta\n::5\tb\n::6\tc\n10.88.0.1\tgw\n')
  })
  test("are the host's with the host's network", () => {
    const asked = { hostNetwork: true, extraHosts: ['a:1.2.3.4'] }
    expect(files({ ...asked, addresses: [] }).hosts).toBe(`${host.hosts}\n1.2.3.4\ta\n`)
    expect(files({ ...asked, addresses: ['127.0.0.1'] }).hosts).toEndWith('\n1.2.3.4\ta\n127.0.0.1\tbox\n')
  })
  test.each(['a', 'a:', ':1.2.3.4', 'a:1.2.3', 'a:b', 'a b:1.2.3.4', 'a:1.2.3.4\n6.6.6.6 evil', 'g:host-gateway'])(
    'refuse %j',
    (entry) => {
      expect(() => files({ extraHosts: [entry] })).toThrow('invalid extra host')
    },
  )
})

describe('resolv.conf', () => {
  test("loses servers on the host's loopback, and IPv6 ones without IPv6", () => {
    expect(files().resolvConf).toBe('nameserver 9.9.9.9\nsearch a.example b.example\noptions ndots:2\n')
    expect(files({ addresses: ['fd00::2'] }).resolvConf).toContain('nameserver 9.9.9.9\nnameserver fd00::53\n')
  })
  test('falls back when none is left', () => {
    expect(files({}, { ...host, resolvConf: 'nameserver 127.0.0.53\n' }).resolvConf).toBe(
      'nameserver 8.8.8.8\nnameserver 8.8.4.4\n',
    )
  })
  test("is the host's own with its network", () => {
    expect(files({ hostNetwork: true }).resolvConf).toBe(host.resolvConf)
    expect(files({ hostNetwork: true, dnsSearch: ['.'] }).resolvConf).toContain('nameserver 127.0.0.1\n')
  })
  test('is what was asked for', () => {
    const { resolvConf } = files({ dns: ['1.1.1.1'], dnsSearch: ['x.example'], dnsOptions: ['ndots:5'] })
    expect(resolvConf).toBe('nameserver 1.1.1.1\nsearch x.example\noptions ndots:5\n')
    expect(files({ dnsSearch: ['.'] }).resolvConf).not.toContain('search')
    expect(() => files({ dns: ['dns.example'] })).toThrow('no IP address')
  })
})

describe('on disk', () => {
  const dir = mkdtempSync(join(tmpdir(), 'cairn-test-'))
  afterEach(() => rmSync(dir, { recursive: true, force: true }))
  test('readable by everyone, under any umask', () => {
    const umask = process.umask(0o077)
    const paths = writeNetworkFiles(join(dir, 'c'), files())
    process.umask(umask)
    expect(readFileSync(paths.hostname, 'utf8')).toBe('box\n')
    for (const path of Object.values(paths)) expect(statSync(path).mode & 0o777).toBe(0o644)
  })
})
