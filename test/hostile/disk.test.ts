import { describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { busyboxRootfs, cairnNode, debianRootfs, lacking, must, needsRoot, run, skipReason } from '#testkit'

const skip = skipReason('full disk', needsRoot(), lacking('crun', 'mkfs.ext4', 'mmdebstrap'))

/** A real ext4 of a few megabytes, mounted and taken away again. */
async function smallDisk(megabytes: number): Promise<AsyncDisposable & { readonly path: string }> {
  const dir = mkdtempSync('/var/tmp/cairn-disk-')
  const path = join(dir, 'mnt')
  mkdirSync(path)
  await must(['truncate', '-s', `${megabytes}M`, join(dir, 'disk')])
  await must(['mkfs.ext4', '-q', '-b', '4096', '-m', '0', join(dir, 'disk')])
  await must(['mount', '-o', 'loop', join(dir, 'disk'), path])
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      await run(['umount', '-l', path])
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

describe.skipIf(skip)('a full disk', () => {
  test('refuses an import and a build in one line, keeps what was there, and goes on', async () => {
    await using disk = await smallDisk(24)
    await using node = await cairnNode({ busybox: false })
    const cairn = (...args: string[]) =>
      run([node.argv([])[0]!, '--root', join(disk.path, 'root'), '--run', join(disk.path, 'run'), ...args])
    expect((await cairn('import', await busyboxRootfs(), 'busybox')).code).toBe(0)

    const refused = await cairn('import', await debianRootfs(), 'debian:12')
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toMatch(/^cairn: .*(no space|full)/i)

    await node.must(['import', await debianRootfs(), 'debian:12'])
    const archive = join(node.root, '../debian.tar')
    await node.must(['save', '-o', archive, 'debian:12'])
    const unloaded = await cairn('load', '-i', archive)
    expect(unloaded.code).not.toBe(0)
    expect(unloaded.stderr).toMatch(/^cairn: .*(no space|full)/i)

    const context = join(disk.path, 'context')
    mkdirSync(context)
    writeFileSync(
      join(context, 'Dockerfile'),
      'FROM busybox\nRUN dd if=/dev/zero of=/big bs=1M count=100 2>/dev/null\n',
    )
    const failed = await cairn('build', '--network', 'none', '-t', 'big', context)
    expect(failed.code).not.toBe(0)

    expect((await cairn('run', '--rm', '--network', 'none', 'busybox', 'echo', 'still here')).stdout).toBe(
      'still here\n',
    )
    expect((await cairn('images', '-q')).stdout.trim().split('\n').length).toBe(1)
    expect((await cairn('system', 'df')).code).toBe(0)
    // Nothing of the refused import stays: there is room for about as much as before.
    const free = Number((await must(['df', '--output=avail', '-k', disk.path])).split('\n')[1])
    expect(free).toBeGreaterThan(12_000)
  }, 120_000)

  test('to the last block: what is there is listed and can be removed, and then there is room', async () => {
    await using disk = await smallDisk(24)
    await using node = await cairnNode({ busybox: false })
    const cairn = (...args: string[]) =>
      run([node.argv([])[0]!, '--root', join(disk.path, 'root'), '--run', node.runDir, ...args])
    expect((await cairn('import', await busyboxRootfs(), 'busybox')).code).toBe(0)
    const sleeper = ['run', '-d', '--network', 'none', '--name', 'full', 'busybox']
    expect((await cairn(...sleeper, 'sh', '-c', 'cat /dev/zero > /fill; exec sleep 1000')).code).toBe(0)
    expect((await cairn('exec', 'full', 'sh', '-c', 'while [ "$(cat /proc/1/comm)" != sleep ]; do :; done')).code).toBe(
      0,
    )
    // Whatever root is left of room for less than a block's worth of names.
    await run(['sh', '-c', `cat /dev/zero > ${join(disk.path, 'rest')}`])
    expect((await cairn('ps', '--format', '{{.Names}}')).stdout).toBe('full\n')
    const { code, stderr } = await cairn('rm', '-f', 'full')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const again = await cairn('run', '--rm', '--network', 'none', 'busybox', 'echo', 'again')
    expect(again.stdout).toBe('again\n')
    expect(statSync(join(disk.path, 'root/cairn.db-reserve')).size).toBe(256 * 1024)
  }, 60_000)
})
