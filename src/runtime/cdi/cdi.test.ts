import { describe, expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempDir } from '#testkit'
import { buildSpec } from '../spec/build.ts'
import { withCdiDevices } from './edit.ts'
import { readCdiDevices, type CdiDevices } from './files.ts'
import { findCdiDevices } from './find.ts'
import { readSpec } from './read.ts'

const YAML = `cdiVersion: 0.6.0
kind: vendor.com/net
annotations: {org.mobyproject.buildkit.device.class: fast}
containerEdits: {env: [COMMON=1]}
devices:
  - name: one
    containerEdits:
      env: [ONE=1]
      deviceNodes: [{path: /dev/cdi-null, hostPath: /dev/null, permissions: rw}]
      mounts: [{hostPath: /etc/hosts, containerPath: /opt/hosts, options: [ro, nosuid]}]
      hooks: [{hookName: createContainer, path: /bin/true, args: ["true"]}]
      additionalGids: [0, 7]
  - name: 2
    containerEdits: {env: [TWO=2]}
`

const names = (asked: string, all: CdiDevices): string[] =>
  findCdiDevices([{ name: asked }], all).map(({ name }) => name)

describe('devices of vendors', () => {
  test('files of later directories go before, two of one directory are nobody’s, what is broken is told of', () => {
    using dir = tempDir()
    const [first, second] = ['a', 'b'].map((name) => join(dir.path, name)) as [string, string]
    for (const path of [first, second]) mkdirSync(path)
    const json = (env: string, name = 'x'): string =>
      JSON.stringify({ cdiVersion: '1.0.0', kind: 'v.com/c', devices: [{ name, containerEdits: { env: [env] } }] })
    writeFileSync(join(first, '1.json'), json('FROM=first'))
    writeFileSync(join(second, '1.json'), json('FROM=second'))
    writeFileSync(join(second, '2.json'), json('A=1', 'twice'))
    writeFileSync(join(second, '3.json'), json('A=2', 'twice'))
    writeFileSync(join(second, '4.json'), '{')
    writeFileSync(join(second, '5.yaml'), YAML)
    writeFileSync(join(second, 'readme'), 'no')
    const all = readCdiDevices([first, second, join(dir.path, 'none')])
    expect([...all.devices.keys()].toSorted()).toEqual(['v.com/c=x', 'vendor.com/net=2', 'vendor.com/net=one'])
    expect(all.devices.get('v.com/c=x')!.edits[0]!.env).toEqual(['FROM=second'])
    expect(all.problems).toEqual([
      expect.stringContaining('v.com/c=twice is defined by'),
      expect.stringContaining('4.json: '),
    ])
    expect(() => names('v.com/c=twice', all)).toThrow('there is no device v.com/c=twice')
  })

  test('a name, the first of a kind, all of it, or a class', () => {
    const all = { devices: new Map(readSpec(Bun.YAML.parse(YAML)).map((one) => [one.name, one])), problems: [] }
    expect(names('vendor.com/net=one', all)).toEqual(['vendor.com/net=one'])
    expect(names('vendor.com/net', all)).toEqual(['vendor.com/net=2'])
    expect(names('vendor.com/net=*', all)).toEqual(['vendor.com/net=2', 'vendor.com/net=one'])
    expect(names('fast', all)).toEqual(['vendor.com/net=one', 'vendor.com/net=2'])
    expect(findCdiDevices([{ name: 'vendor.com/net=no', required: false }], all)).toEqual([])
    expect(() => names('vendor.com/net=no', all)).toThrow('there is no device vendor.com/net=no')
  })

  test('what a device changes, once', () => {
    const devices = readSpec(Bun.YAML.parse(YAML))
    const spec = buildSpec({ rootfs: '/r', args: ['x'], env: ['ONE=0', 'OWN=1'] })
    const edited = withCdiDevices(spec, [devices[0]!, devices[1]!, devices[0]!])
    expect(edited.process.env.filter((item) => !/^(?:PATH|HOME)=/.test(item)).toSorted()).toEqual([
      'COMMON=1',
      'ONE=1',
      'OWN=1',
      'TWO=2',
    ])
    expect(edited.process.user.additionalGids).toEqual([7])
    expect(edited.linux.devices).toEqual([
      { path: '/dev/cdi-null', type: 'c', major: 1, minor: 3, fileMode: 0o666, uid: 0, gid: 0 },
    ])
    if (edited.linux.resources)
      expect(edited.linux.resources.devices!.at(-1)).toEqual({
        allow: true,
        type: 'c',
        major: 1,
        minor: 3,
        access: 'rw',
      })
    expect(edited.mounts.at(-1)).toEqual({
      destination: '/opt/hosts',
      source: '/etc/hosts',
      type: 'bind',
      options: ['bind', 'ro', 'nosuid'],
    })
    expect(edited.hooks).toEqual({ createContainer: [{ path: '/bin/true', args: ['true'] }] })
  })

  const file = (edits: object): unknown => ({
    cdiVersion: '0.5.0',
    kind: 'v.com/c',
    devices: [{ name: 'x', containerEdits: edits }],
  })
  test.each([
    [[], 'the file is no object'],
    [{ cdiVersion: '0.5.0', kind: 'c' }, 'no kind of device'],
    [{ kind: 'v.com/c' }, 'cdiVersion is no text'],
    [file({ env: ['A'] }), 'no NAME=value'],
    [file({ deviceNodes: [{ path: 'dev/x' }] }), 'is not absolute'],
    [file({ deviceNodes: [{ path: '/dev/x', permissions: 'x' }] }), 'invalid permissions'],
    [file({ hooks: [{ hookName: 'later', path: '/x' }] }), 'there is no hook later'],
    [file({ mounts: [{ containerPath: '/x' }] }), 'hostPath is no text'],
    [file({ intelRdt: {} }), 'intelRdt is not supported'],
    [{ cdiVersion: '0.5.0', kind: 'v.com/c', devices: [{ name: '-x' }] }, 'no name of a device'],
  ])('%j', (document, message) => expect(() => readSpec(document)).toThrow(message))
})
