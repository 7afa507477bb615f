import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { must } from './tools.ts'

/** Made once per machine and kept: a Debian root takes 17 s to install. */
const cache = process.env.CAIRN_FIXTURES ?? join(tmpdir(), 'cairn-fixtures')

/** Makes a file once; two processes that want it at the same time each make it and one rename wins. */
async function once(name: string, make: (path: string) => Promise<void>): Promise<string> {
  const path = join(cache, name)
  if (existsSync(path)) return path
  mkdirSync(cache, { recursive: true })
  const work = mkdtempSync(join(cache, '.making-'))
  try {
    await make(join(work, name))
    renameSync(join(work, name), path)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return path
}

/** A tar of a real Debian 12 root, from Debian's packages. Needs root, apt and mmdebstrap. */
export function debianRootfs(): Promise<string> {
  return once('debian-12.tar', async (path) => {
    await must([join(import.meta.dir, '../scripts/debian-rootfs'), path], { timeoutMs: 600_000 })
  })
}

/** The same with python3 and curl: one layer of 170 MB in 8,000 entries. */
export function debianPythonRootfs(): Promise<string> {
  return once('debian-12-python.tar', async (path) => {
    await must([join(import.meta.dir, '../scripts/debian-rootfs'), path, 'python3', 'curl'], { timeoutMs: 600_000 })
  })
}

const applets =
  'sh ash cat ls echo true false sleep id env pwd ln mkdir rm cp mv touch stat chmod chown mknod mkfifo head tail wc grep sed awk test [ expr seq yes dd sync sha256sum md5sum hostname ip ifconfig nc wget httpd kill ps trap nproc date readlink find sort tar gzip gunzip du df mount umount su stty tty printf tr cut basename dirname uname whoami setsid timeout nohup xargs'

/** A tar of a root with a static busybox and nothing else but its links: 2 MB, ready in milliseconds. */
export function busyboxRootfs(): Promise<string> {
  return once('busybox.tar', async (path) => {
    const root = `${path}.root`
    for (const dir of ['bin', 'etc', 'tmp', 'root', 'dev', 'proc', 'sys', 'usr/bin', 'var/www'])
      mkdirSync(join(root, dir), { recursive: true })
    copyFileSync(Bun.which('busybox') ?? '/bin/busybox', join(root, 'bin/busybox'))
    chmodSync(join(root, 'bin/busybox'), 0o755)
    chmodSync(join(root, 'tmp'), 0o1777)
    for (const applet of applets.split(' ')) symlinkSync('busybox', join(root, 'bin', applet))
    writeFileSync(
      join(root, 'etc/passwd'),
      'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\nuser:x:1000:1000::/home/user:/bin/sh\n',
    )
    writeFileSync(join(root, 'etc/group'), 'root:x:0:\nstaff:x:50:user\nnogroup:x:65534:\nuser:x:1000:\n')
    await must([
      'tar',
      '--sort=name',
      '--mtime=@0',
      '--owner=0',
      '--group=0',
      '--numeric-owner',
      '-C',
      root,
      '-cf',
      path,
      '.',
    ])
  })
}
