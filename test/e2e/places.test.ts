import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { busyboxRootfs, cairnNode, lacking, must, needsRoot, skipReason, tempDir, type TestNode } from '#testkit'

const skip = skipReason('places', needsRoot(), lacking('crun', 'conmon'))

let node: TestNode

/** An image whose directories and links lie as distributions and hostile hands lay them. */
beforeAll(async () => {
  if (skip) return
  using dir = tempDir()
  node = await cairnNode()
  const more = join(dir.path, 'more')
  for (const path of ['var', 'private', 'etc']) mkdirSync(join(more, path), { recursive: true })
  chmodSync(join(more, 'private'), 0o700)
  symlinkSync('/run', join(more, 'var/run'))
  symlinkSync('/../../../../var/tmp/outside', join(more, 'out'))
  writeFileSync(join(more, 'etc/kept'), 'of the image\n')
  const tar = join(dir.path, 'rootfs.tar')
  copyFileSync(await busyboxRootfs(), tar)
  await must(['tar', '-C', more, '-rf', tar, './var/run', './out', './private', './etc/kept'])
  await node.must(['import', tar, 'places'])
}, 60_000)

afterAll(async () => {
  if (skip) return
  expect(node.leftovers()).toEqual([])
  await node[Symbol.asyncDispose]()
})

const run = (...args: string[]): Promise<string> => node.must(['run', '--rm', '--network', 'none', ...args])

describe.skipIf(skip)('places in an image', () => {
  test('a link that points to nothing leads on inside the root: for mounts and the working directory', async () => {
    using dir = tempDir()
    writeFileSync(join(dir.path, 'here'), '')
    for (const [target, found] of [
      ['/var/run', '/run/here'],
      ['/var/run/deep/er', '/run/deep/er/here'],
      ['/out', '/var/tmp/outside/here'],
    ] as const)
      expect(await run('-v', `${dir.path}:${target}`, 'places', 'ls', found)).toBe(`${found}\n`)
    expect(await run('--tmpfs', '/var/run', 'places', 'sh', '-c', 'grep -c " /run tmpfs" /proc/mounts')).toBe('1\n')
    expect(await run('-w', '/var/run/x', 'places', 'pwd')).toBe('/run/x\n')
    expect(await run('-w', '', 'places', 'pwd')).toBe('/\n')
  }, 20_000)

  test('a tmpfs over a directory has its permissions, unless others are given', async () => {
    const modes = (...flags: string[]): Promise<string> => run(...flags, 'places', 'stat', '-c', '%a', '/private')
    expect(await modes('--tmpfs', '/private')).toBe('700\n')
    expect(await modes('--mount', 'type=tmpfs,dst=/private,tmpfs-mode=1777')).toBe('1777\n')
  })

  test('names are resolved in an /etc that is a volume, too', async () => {
    await node.must(['run', '--rm', '-v', 'etc:/etc', 'places', 'true'])
    const said = await node.must([
      'run',
      '--rm',
      '-v',
      'etc:/etc:ro',
      '--hostname',
      'named',
      'places',
      'cat',
      '/etc/kept',
      '/etc/hostname',
    ])
    expect(said).toBe('of the image\nnamed\n')
    await node.must(['volume', 'rm', 'etc'])
  })

  test('a store may lie where names are not ASCII', async () => {
    const store = mkdtempSync('/var/tmp/cairn-ü漢 ,-')
    const there = (...args: string[]): Promise<string> =>
      must([node.argv([])[0]!, '--root', join(store, 'root'), '--run', join(store, 'run'), ...args])
    try {
      await there('import', await busyboxRootfs(), 'busybox')
      const said = await there('run', '--name', 'named', '--network', 'none', 'busybox', 'echo', 'heard')
      expect(said + (await there('logs', 'named'))).toBe('heard\nheard\n')
      await there('rm', 'named')
    } finally {
      rmSync(store, { recursive: true })
    }
  })

  test('a working directory that is a file is refused in one line', async () => {
    for (const flags of [['--rm'], ['--name', 'nowhere']]) {
      const { code, stderr } = await node.cairn([
        'run',
        ...flags,
        '--network',
        'none',
        '-w',
        '/etc/kept',
        'places',
        'true',
      ])
      expect({ code, stderr }).toEqual({
        code: 125,
        stderr: 'cairn: the working directory "/etc/kept": not a directory\n',
      })
    }
    await node.must(['rm', 'nowhere'])
  })
})
