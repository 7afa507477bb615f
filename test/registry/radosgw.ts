import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { must } from '#testkit'

/** The programs of Ceph that make an object store, as Debian's `radosgw`, `ceph-mon` and `ceph-osd` bring them. */
const PROGRAMS = ['radosgw', 'radosgw-admin', 'ceph', 'ceph-mon', 'ceph-osd', 'ceph-authtool', 'monmaptool']

/** Those that are not installed. */
export function lackingCeph(): readonly string[] {
  return PROGRAMS.filter((name) => Bun.which(name) === null)
}

export interface CephOptions {
  readonly root: string
  readonly port: number
  readonly monitorPort: number
  readonly key: string
  readonly secret: string
}

/** A gateway's command line, and what goes when the cluster behind it does. */
export interface Ceph {
  readonly args: readonly string[]
  readonly stop: () => Promise<void>
}

const [FSID, OSD] = [crypto.randomUUID(), crypto.randomUUID()]

/** A cluster as small as there can be: one monitor, and one object storage daemon that keeps everything in memory. */
export async function startCeph({ root, port, monitorPort, key, secret }: CephOptions): Promise<Ceph> {
  const config = join(root, 'ceph.conf')
  writeFileSync(config, settings(root, port, monitorPort))
  for (const name of ['mon', 'osd', 'rgw']) mkdirSync(join(root, name))
  const children: Bun.Subprocess[] = []
  const start = (...args: string[]): void =>
    void children.push(Bun.spawn([...args, '-f', '-c', config], { stdout: 'ignore', stderr: 'ignore' }))
  const stop = async (): Promise<void> => {
    // The daemon that keeps objects would go on to say goodbye to a monitor that is gone.
    for (const child of children) child.kill('SIGKILL')
    await Promise.all(children.map((child) => child.exited))
  }
  const [map, keyring] = [join(root, 'monmap'), join(root, 'keyring')]
  try {
    await must(['monmaptool', '--create', '--addv', 'a', `[v1:127.0.0.1:${monitorPort}]`, '--fsid', FSID, map])
    await must(['ceph-authtool', '--create-keyring', keyring, '--gen-key', '-n', 'mon.', '--cap', 'mon', 'allow *'])
    await must(['ceph-mon', '-c', config, '--mkfs', '-i', 'a', '--monmap', map, '--keyring', keyring])
    start('ceph-mon', '-i', 'a')
    await must(['ceph', '-c', config, '--connect-timeout', '30', 'osd', 'new', OSD])
    await must(['ceph-osd', '-c', config, '-i', '0', '--mkfs', '--osd-uuid', OSD])
    start('ceph-osd', '-i', '0')
    const user = ['--uid', 'test', '--display-name', 'test', '--access-key', key, '--secret-key', secret]
    await must(['radosgw-admin', '-c', config, 'user', 'create', ...user])
  } catch (error) {
    await stop()
    throw error
  }
  return { args: ['radosgw', '-f', '-n', 'client.rgw', '-c', config], stop }
}

/** Nobody but this machine gets at it: no keys between the daemons. */
function settings(root: string, port: number, monitorPort: number): string {
  return `[global]
fsid = ${FSID}
mon host = v1:127.0.0.1:${monitorPort}
ms bind ipv6 = false
auth cluster required = none
auth service required = none
auth client required = none
keyring = ${root}/keyring
run dir = ${root}
admin socket = ${root}/$name.asok
pid file = ${root}/$name.pid
log file = ${root}/$name.log
mon cluster log file = ${root}/cluster.log
mon data = ${root}/mon
osd data = ${root}/osd
rgw data = ${root}/rgw
mon allow pool size one = true
mon warn on pool no redundancy = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 4294967296
rgw frontends = beast endpoint=127.0.0.1:${port}
`
}
