import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import fc from 'fast-check'
import { openDatabase } from '#content'
import type { Digest, ImageConfig } from '#oci'
import { tempDir } from '#testkit'
import { createDetector } from './detach.ts'
import { checkName, newId, randomName } from './name.ts'
import { mergeEnv, resolveConfig, type ImageFacts } from './resolve.ts'
import { containerOf, openContainers } from './table.ts'

const digest: Digest = `sha256:${'a'.repeat(64)}`
const image = (config: ImageConfig['config'] = {}): ImageFacts => ({
  imageId: digest,
  manifest: { mediaType: 'm', digest, size: 1 },
  config: { architecture: 'amd64', os: 'linux', config, rootfs: { type: 'layers', diff_ids: [digest] } },
})
const context = {
  id: 'f'.repeat(64),
  hostHostname: 'here',
  inherited: [],
  volumePath: (name: string) => `/volumes/${name}`,
  newVolumeName: () => 'new',
}
const resolve = (options: object, config: ImageConfig['config'] = { Cmd: ['sh'] }): ReturnType<typeof resolveConfig> =>
  resolveConfig({ image: 'x', ...options }, image(config), context)

describe('what image and user say, made one', () => {
  test('entrypoint and command', () => {
    const both = { Entrypoint: ['/entry'], Cmd: ['default'] }
    expect(resolve({}, both).args).toEqual(['/entry', 'default'])
    expect(resolve({ command: ['own'] }, both).args).toEqual(['/entry', 'own'])
    expect(resolve({ entrypoint: ['/own'] }, both).args).toEqual(['/own'])
    expect(resolve({ entrypoint: ['/own'], command: ['x'] }, both).args).toEqual(['/own', 'x'])
    expect(resolve({ entrypoint: [], command: ['x'] }, both).args).toEqual(['x'])
    expect(() => resolve({}, {})).toThrow('no command specified')
    expect(() => resolve({ entrypoint: [] }, both)).toThrow('no command specified')
  })

  test('environment: later wins, a bare name takes away', () => {
    expect(mergeEnv(['A=1', 'B=2'], ['B=3', 'A', 'C='])).toEqual(['B=3', 'C='])
    expect(resolve({ env: ['X=own'] }, { Cmd: ['x'], Env: ['X=image', 'Y=y'] }).env).toEqual(['X=own', 'Y=y'])
  })

  test('host name, directory, user, labels, stop signal', () => {
    const config = resolve(
      { labels: { a: 'own' } },
      { Cmd: ['x'], Labels: { a: 'image', b: 'b' }, User: 'u', WorkingDir: '/w/', StopSignal: 'SIGQUIT' },
    )
    expect(config).toMatchObject({
      hostname: 'f'.repeat(12),
      workdir: '/w/',
      user: 'u',
      labels: { a: 'own', b: 'b' },
      stopSignal: 'SIGQUIT',
    })
    expect(resolve({ network: 'host' }).hostname).toBe('here')
    expect(() => resolve({ workdir: 'relative' })).toThrow('absolute')
  })

  test('mounts: the user’s before the image’s volumes, each place once', () => {
    const { mounts } = resolve(
      {
        mounts: [
          { type: 'bind', source: '/a//b', target: '/data/' },
          { type: 'volume', target: '/anon' },
        ],
      },
      { Cmd: ['x'], Volumes: { '/data': {}, '/more': {} } },
    )
    expect(mounts.map(({ type, target, anonymous }) => [type, target, anonymous ?? false])).toEqual([
      ['bind', '/data', false],
      ['volume', '/anon', true],
      ['volume', '/more', true],
    ])
    expect(mounts[0]?.source).toBe('/a/b')
    const twice = [
      { type: 'tmpfs', target: '/x' },
      { type: 'tmpfs', target: '/x/' },
    ]
    expect(() => resolve({ mounts: twice })).toThrow('duplicate mount point')
  })

  test('every exposed port on a free one, unless it is published already', () => {
    const port = { hostIp: '', hostPort: 8080, containerPort: 80, protocol: 'tcp' }
    const { ports, exposed } = resolve(
      { publishAll: true, ports: [port], expose: ['90/udp'] },
      { Cmd: ['x'], ExposedPorts: { '80': {}, '443/tcp': {} } },
    )
    expect(exposed).toEqual(['80/tcp', '443/tcp', '90/udp'])
    expect(ports.map(({ hostPort, containerPort }) => [hostPort, containerPort])).toEqual([
      [8080, 80],
      [0, 443],
      [0, 90],
    ])
  })
})

describe('names', () => {
  test('are readable, valid and enough', () => {
    const names = new Set(Array.from({ length: 1000 }, () => randomName(0)))
    expect(names.size).toBeGreaterThan(800)
    for (const name of names) expect(checkName(name)).toBe(name)
    expect(randomName(3)).toMatch(/^[a-z]+_[a-z]+\d+$/)
    expect(newId()).toMatch(/^[0-9a-f]{64}$/)
    expect(checkName('/leading')).toBe('leading')
    for (const bad of ['', 'x', 'a b', '-x', 'a/b']) expect(() => checkName(bad)).toThrow('invalid container name')
  })
})

describe('detaching keys', () => {
  const typed = (chunks: readonly string[], keys?: Uint8Array): string => {
    const detector = createDetector(keys)
    let passed = ''
    for (const chunk of chunks) {
      const { pass, detach } = detector(new TextEncoder().encode(chunk))
      passed += new TextDecoder().decode(pass)
      if (detach) return `${passed}!`
    }
    return passed
  }
  test('in one piece or several, and what only looks like them passes', () => {
    expect(typed(['ab\x10\x11c'])).toBe('ab!')
    expect(typed(['\x10', '\x11'])).toBe('!')
    expect(typed(['\x10', 'x'])).toBe('\x10x')
    expect(typed(['\x10\x10\x11'])).toBe('\x10!')
    expect(typed(['\x10\x11'], new Uint8Array(0))).toBe('\x10\x11')
  })

  test('however the typing is cut', () => {
    const text = fc.array(fc.constantFrom('a', '\x10', '\x11', 'b'), { maxLength: 12 })
    fc.assert(fc.property(text, (letters) => expect(typed(letters)).toBe(typed([letters.join('')]))))
  })
})

describe('the table of containers', () => {
  test('finds by name, ID and prefix; gives a name once; shows what the world may see', () => {
    using dir = tempDir()
    using db = openDatabase(join(dir.path, 'cairn.db'))
    const table = openContainers(db)
    const config = resolve({})
    const row = (id: string, name: string): Parameters<typeof table.insert>[0] => ({
      id,
      name,
      image: 'x',
      manifest: digest,
      created: Number.parseInt(id.slice(0, 2), 16),
      config,
      monitor: { pid: 1, start: 2 },
      boot: 'b',
    })
    table.insert(row('ab12', 'one'))
    table.insert(row('ab34', 'two'))
    expect(table.find('one').id).toBe('ab12')
    expect(table.find('/one').id).toBe('ab12')
    expect(table.find('ab3').id).toBe('ab34')
    expect(() => table.find('ab')).toThrow('multiple containers')
    expect(() => table.find('zz')).toThrow('no such container')
    expect(() => table.insert(row('cd', 'one'))).toThrow('already in use')
    table.update('ab12', { state: 'running', process: { pid: 7, start: 8 }, started: 5, exitCode: 0 })
    expect(containerOf(table.get('ab12')!)).toMatchObject({ state: 'running', pid: 7, started: 5, exitCode: 0 })
    table.update('ab12', { state: 'starting', process: undefined })
    expect(containerOf(table.get('ab12')!)).not.toHaveProperty('pid')
    expect(containerOf(table.get('ab12')!).state).toBe('created')
    expect(table.inState('starting').map(({ id }) => id)).toEqual(['ab12'])
    table.update('ab34', { state: 'removed', name: 'ab34' })
    expect(table.list().map(({ id }) => id)).toEqual(['ab12'])
    table.insert(row('ef', 'two'))
    expect(table.usingManifest(digest).length).toBe(2)
  })
})
