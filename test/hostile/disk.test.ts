import { describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openDatabase } from '#content'
import { busyboxRootfs, cairnNode, debianRootfs, lacking, must, needsRoot, run, skipReason } from '#testkit'

const skip = skipReason('full disk', needsRoot(), lacking('crun', 'mkfs.ext4', 'mmdebstrap'))

/** A real ext4 of a few megabytes, mounted and taken away again. */
async function smallDisk(megabytes: number, block = 4096): Promise<AsyncDisposable & { readonly path: string }> {
  const dir = mkdtempSync('/var/tmp/cairn-disk-')
  const path = join(dir, 'mnt')
  mkdirSync(path)
  await must(['truncate', '-s', `${megabytes}M`, join(dir, 'disk')])
  await must(['mkfs.ext4', '-q', '-b', `${block}`, '-m', '0', join(dir, 'disk')])
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

  test('to any block but a few: a line says so, and no signal ends it', async () => {
    await using disk = await smallDisk(24, 1024)
    await using node = await cairnNode({ busybox: false })
    const root = join(disk.path, 'root')
    const argv = [node.argv([])[0]!, '--root', root, '--run', node.runDir]
    expect((await run([...argv, 'import', await busyboxRootfs(), 'busybox'])).code).toBe(0)
    const filler = join(disk.path, 'filler')
    const available = async (): Promise<number> =>
      Number((await must(['df', '--output=avail', '-k', disk.path])).split('\n')[1])
    // A killed writer leaves a log that the next command makes an index of.
    const log = join(root, 'cairn.db-wal')
    const db = openDatabase(join(root, 'cairn.db'))
    db.schema('CREATE TABLE noise (bytes BLOB)')
    for (let i = 0; i < 200; i++) db.run('INSERT INTO noise VALUES (zeroblob(3000))')
    const left = readFileSync(log)
    db.close()
    for (const free of [5, 9, 12, 16, 20, 26, 40])
      for (const verb of [
        ['images', '-q'],
        ['rmi', 'nothing'],
        ['system', 'df'],
      ]) {
        for (const gone of [filler, join(root, 'cairn.db-reserve'), join(root, 'cairn.db-shm')])
          rmSync(gone, { force: true })
        writeFileSync(log, left)
        await must(['fallocate', '-l', `${(await available()) - free}K`, filler])
        const { code, stderr } = await run([...argv, ...verb])
        expect({ free, verb, code, stderr }).toMatchObject({ code: stderr === '' ? 0 : 1 })
        if (code !== 0) expect(stderr).toMatch(/^cairn: .*(?:no space|no such image)/)
      }
    rmSync(filler)
    expect((await run([...argv, 'run', '--rm', '--network', 'none', 'busybox', 'true'])).code).toBe(0)
  }, 60_000)
})
