import { describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempDir } from '#testkit'
import { attachedStreams } from '../attend.ts'
import { parseDetachKeys } from '../detachkeys.ts'
import { containerOptions } from './container.ts'
import { envFile, environment, pairs } from './environment.ts'
import { matchesLabel, parseFilters } from './filters.ts'
import { parseMount, parseTmpfs, parseVolume } from './mounts.ts'
import { parseBytes, parseDecimal, parseInteger, parseTime } from './quantities.ts'

describe('quantities', () => {
  test('sizes in powers of 1024', () => {
    expect(['1', '5b', '2k', '2K', '512m', '1.5g', '1GiB', '3kb'].map((text) => parseBytes(text, '-m'))).toEqual([
      1,
      5,
      2048,
      2048,
      512 * 1024 ** 2,
      1.5 * 1024 ** 3,
      1024 ** 3,
      3072,
    ])
    for (const text of ['', 'x', '-1', '1x', '1 2']) expect(() => parseBytes(text, '-m')).toThrow('-m')
  })

  test('numbers, durations and times', () => {
    expect(parseInteger('-1', '--x')).toBe(-1)
    expect(() => parseInteger('-2', '--x', -1)).toThrow('at least -1')
    expect(() => parseInteger('1.5', '--x')).toThrow()
    expect(parseDecimal('.5', '--cpus')).toBe(0.5)
    expect(() => parseDecimal('0', '--cpus')).toThrow()
    expect(parseTime('10', '--since')).toBe(10_000)
    expect(parseTime('2s', '--since', 5000)).toBe(3000)
    expect(parseTime('1h30m1.5s', '--since', 5_401_500)).toBe(0)
    expect(parseTime('2026-01-02T03:04:05Z', '--since')).toBe(Date.UTC(2026, 0, 2, 3, 4, 5))
    for (const text of ['yesterday', '1hx', '1h 5']) expect(() => parseTime(text, '--since')).toThrow(text)
  })
})

describe('mounts', () => {
  const volume = (text: string): ReturnType<typeof parseVolume> => parseVolume(text, '/here')
  test('-v', () => {
    expect(volume('/data')).toEqual({ type: 'volume', target: '/data', readonly: false })
    expect(volume('name:/data')).toEqual({ type: 'volume', source: 'name', target: '/data', readonly: false })
    expect(volume('/src:/dst:ro,z')).toEqual({
      type: 'bind',
      source: '/src',
      target: '/dst',
      readonly: true,
      createSource: true,
    })
    expect(volume('./x:/dst')).toMatchObject({ type: 'bind', source: '/here/./x' })
    expect(volume('n:/d:nocopy,rshared')).toMatchObject({ nocopy: true, propagation: 'rshared' })
    for (const text of ['', 'a:b', ':/x', 'x:/', 'a/b:/x', '/a:/b:what', '/a:/b:ro,rw', 'a:b:c:d'])
      expect(() => volume(text)).toThrow()
  })

  test('--mount and --tmpfs', () => {
    expect(parseMount('type=bind,source=/a,target=/b,readonly', '/')).toEqual({
      type: 'bind',
      source: '/a',
      target: '/b',
      readonly: true,
    })
    expect(parseMount('src=n,dst=/b', '/')).toEqual({ type: 'volume', source: 'n', target: '/b', readonly: false })
    expect(parseMount('type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1770', '/')).toMatchObject({
      tmpfsOptions: 'size=1048576,mode=1770',
    })
    expect(parseMount('"src=/a,b",type=bind,dst=/c', '/')).toMatchObject({ source: '/a,b' })
    expect(parseMount('TYPE=bind,SRC=/a,DST=/b,ro=false,consistency=cached', '/')).toEqual({
      type: 'bind',
      source: '/a',
      target: '/b',
      readonly: false,
    })
    for (const text of [
      'type=bind,dst=/x',
      'type=image,dst=/x',
      'dst=x',
      'dst=/x,frob=1',
      'type=tmpfs,src=a,dst=/x',
      'dst=/x,ro=perhaps',
      'type=tmpfs,dst=/x,bind-propagation=rslave',
      'type=bind,src=/a,dst=/x,volume-nocopy',
      'dst=/x,tmpfs-size=1m',
      'dst=/x,consistency=never',
      // crun 1.8 binds what is mounted below all the same.
      'type=bind,src=/a,dst=/x,bind-nonrecursive',
    ])
      expect(() => parseMount(text, '/')).toThrow()
    expect(parseTmpfs('/t:size=1m')).toEqual({ type: 'tmpfs', target: '/t', tmpfsOptions: 'size=1m' })
    expect(() => parseTmpfs('t')).toThrow()
  })
})

describe('environment', () => {
  test('the caller’s value for a bare name', () => {
    process.env['CAIRN_TEST_VALUE'] = 'v'
    expect(environment(['A=b', 'CAIRN_TEST_VALUE', 'CAIRN_TEST_ABSENT'], [])).toEqual(['A=b', 'CAIRN_TEST_VALUE=v'])
    delete process.env['CAIRN_TEST_VALUE']
    expect(() => environment(['=x'], [])).toThrow()
  })

  test('files', () => {
    using dir = tempDir()
    const path = join(dir.path, 'env')
    writeFileSync(path, '\uFEFF# c\nA=1\r\n  B=two words\n\nC="kept"\n')
    expect(envFile(path)).toEqual(['A=1', 'B=two words', 'C="kept"'])
    for (const [bytes, why] of [
      [Buffer.from('A=\xff\n', 'latin1'), 'no UTF-8'],
      [Buffer.from('A=a\0b\n'), 'zero byte'],
    ] as const) {
      writeFileSync(path, bytes)
      expect(() => envFile(path)).toThrow(why)
    }
    writeFileSync(path, 'A=1\nBAD NAME=x\n')
    expect(() => envFile(path)).toThrow('whitespace')
    expect(() => envFile(join(dir.path, 'none'))).toThrow('env file')
  })

  test('pairs: later ones win', () => {
    expect(pairs(['a=1', 'b', 'a=2=3'])).toEqual({ a: '2=3', b: '' })
  })
})

describe('filters', () => {
  test('names that are known', () => {
    expect([...parseFilters(['label=a=b', 'Label=c'], ['label'])]).toEqual([['label', ['a=b', 'c']]])
    expect(() => parseFilters(['frob=1'], ['label'])).toThrow("invalid filter 'frob'")
    expect(() => parseFilters(['label'], ['label'])).toThrow()
    expect(matchesLabel({ a: 'b' }, 'a')).toBe(true)
    expect(matchesLabel({ a: 'b' }, 'a=c')).toBe(false)
    expect(matchesLabel({}, 'constructor')).toBe(false)
  })
})

describe('a container’s flags', () => {
  test('as the engine’s options', () => {
    const options = containerOptions(
      {
        rm: true,
        tty: true,
        publish: ['127.0.0.1:8080:80'],
        volume: ['/a:/b'],
        memory: '64m',
        cpus: '1.5',
        ulimit: ['nofile=1:2', 'core=-1'],
        device: ['/dev/null:/dev/zilch:r', '/dev/zero'],
        entrypoint: '',
        'add-host': ['a:1.2.3.4', 'b=[::1]'],
        expose: ['80-81', '53/udp'],
        label: ['x=y'],
      },
      ['busybox', 'sh', '-c', 'x'],
      '/',
    )
    expect(options).toMatchObject({
      image: 'busybox',
      command: ['sh', '-c', 'x'],
      entrypoint: [],
      autoRemove: true,
      tty: true,
      labels: { x: 'y' },
      extraHosts: ['a:1.2.3.4', 'b:::1'],
      expose: ['80/tcp', '81/tcp', '53/udp'],
      resources: { memory: 64 * 1024 ** 2, cpus: 1.5 },
      ulimits: [
        { name: 'nofile', soft: 1, hard: 2 },
        { name: 'core', soft: -1, hard: -1 },
      ],
      devices: [
        { source: '/dev/null', target: '/dev/zilch', permissions: 'r' },
        { source: '/dev/zero', target: '/dev/zero', permissions: 'rwm' },
      ],
      ports: [{ hostIp: '127.0.0.1', hostPort: 8080, containerPort: 80, protocol: 'tcp' }],
    })
    expect(options).not.toHaveProperty('hostname')
  })

  test('that cannot be are refused', () => {
    const refuse =
      (values: Parameters<typeof containerOptions>[0]): (() => unknown) =>
      () =>
        containerOptions(values, ['x'], '/')
    expect(refuse({ memory: '1m' })).toThrow('6MB')
    expect(refuse({ cpus: '1', 'cpu-quota': '5' })).toThrow('conflicting')
    expect(refuse({ pull: 'often' })).toThrow('pull option')
    expect(refuse({ hostname: 'a b' })).toThrow('hostname')
    expect(refuse({ 'log-driver': 'syslog' })).toThrow('syslog')
    expect(refuse({ ipc: 'container:x' })).toThrow('not supported')
    expect(refuse({ restart: 'always' })).toThrow('--restart always is not supported')
    expect(refuse({ sysctl: ['net.x'] })).toThrow('name=value')
    expect(attachedStreams(['STDOUT', 'stdin'])).toEqual({ stdin: true, stdout: true, stderr: false })
    expect(() => attachedStreams(['stdouts'])).toThrow('STDIN, STDOUT or STDERR')
    expect(refuse({ ulimit: ['nofile=5:2'] })).toThrow('soft limit')
    expect(refuse({ device: ['dev'] })).toThrow('device')
    expect(refuse({ 'add-host': ['x'] })).toThrow('add-host')
  })

  test('detach keys', () => {
    expect(parseDetachKeys('ctrl-p,ctrl-q')).toEqual(Uint8Array.of(16, 17))
    expect(parseDetachKeys('a,ctrl-@')).toEqual(Uint8Array.of(97, 0))
    expect(parseDetachKeys('')).toEqual(new Uint8Array(0))
    expect(() => parseDetachKeys('ctrl-')).toThrow('detach key')
  })
})
