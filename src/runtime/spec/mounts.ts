import { existsSync, statSync } from 'node:fs'
import { posix } from 'node:path'
import { fail } from '#base'
import type { SpecMount } from '../types.ts'
import type { BindOption, MountOption, SpecOptions, TmpfsOption } from './types.ts'

const SHM_BYTES = 64 * 1024 * 1024

/** Docker's mounts, in their order. */
function defaultMounts(options: SpecOptions): SpecMount[] {
  const readonly = options.privileged ? [] : ['ro']
  const mount = (destination: string, type: string, source: string, ...flags: string[]): SpecMount => ({
    destination,
    type,
    source,
    options: flags,
  })
  const mounts = [
    mount('/proc', 'proc', 'proc', 'nosuid', 'noexec', 'nodev'),
    mount('/dev', 'tmpfs', 'tmpfs', 'nosuid', 'strictatime', 'mode=755', 'size=65536k'),
    mount('/dev/pts', 'devpts', 'devpts', 'nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'),
    mount('/sys', 'sysfs', 'sysfs', 'nosuid', 'noexec', 'nodev', ...readonly),
    mount('/sys/fs/cgroup', 'cgroup', 'cgroup', ...readonly, 'nosuid', 'noexec', 'nodev'),
  ]
  if (options.ipc === 'host') {
    // Message queues need no mount to be used, and not every host has one.
    return [...mounts, ...['/dev/mqueue', '/dev/shm'].filter((path) => existsSync(path)).map(bindAsIs)]
  }
  const size = `size=${options.shmSize ?? SHM_BYTES}`
  return [
    ...mounts,
    mount('/dev/mqueue', 'mqueue', 'mqueue', 'nosuid', 'noexec', 'nodev'),
    ...(options.shm === false
      ? []
      : [mount('/dev/shm', 'tmpfs', 'shm', 'nosuid', 'noexec', 'nodev', 'mode=1777', size)]),
  ]
}

function bindAsIs(path: string): SpecMount {
  return { destination: path, type: 'bind', source: path, options: ['rbind', 'rprivate', 'nosuid', 'noexec', 'nodev'] }
}

/**
 * All mounts of a container: Docker's, then the three network files and the user's from the shallowest
 * to the deepest. A user's mount replaces a default one at the same place, and one at `/dev`
 * everything that would lie under it.
 */
export function mountsOf(options: SpecOptions, recursiveReadonly: boolean): SpecMount[] {
  const user = (options.mounts ?? []).map((mount) => userMount(mount, recursiveReadonly))
  const taken = new Set<string>()
  for (const { destination } of user) {
    if (taken.has(destination)) fail('invalid_argument', `duplicate mount point: ${destination}`)
    taken.add(destination)
  }
  const replaced = (path: string): boolean => taken.has(path) || (taken.has('/dev') && path.startsWith('/dev/'))
  const files = fileMounts(options).filter((mount) => !replaced(mount.destination) && canLie(mount, user))
  return [
    ...defaultMounts(options).filter((mount) => !replaced(mount.destination)),
    ...[...files, ...user].sort((a, b) => depth(a.destination) - depth(b.destination)),
    ...initMount(options),
  ]
}

/** Into a read-only /etc nothing can be put: there a network file needs one to lie on. */
function canLie({ destination }: SpecMount, user: readonly SpecMount[]): boolean {
  const {
    type,
    source = '',
    options = [],
  } = user.find((mount) => mount.destination === posix.dirname(destination)) ?? {}
  if (!options.includes('ro')) return true
  return type === 'bind' && existsSync(posix.join(source, posix.basename(destination)))
}

function depth(path: string): number {
  return path.split('/').length
}

function fileMounts(options: SpecOptions): SpecMount[] {
  const { hosts, hostname, resolvConf } = options.files ?? {}
  const flags = ['rbind', 'rprivate', options.readonlyRootfs ? 'ro' : 'rw']
  const mount = (source: string | undefined, destination: string): SpecMount[] =>
    source === undefined ? [] : [{ destination, type: 'bind', source, options: flags }]
  return [...mount(resolvConf, '/etc/resolv.conf'), ...mount(hostname, '/etc/hostname'), ...mount(hosts, '/etc/hosts')]
}

/** Where the init is seen inside: Docker's place, which process listings and scripts know. */
export const INIT_PATH = '/sbin/docker-init'

/** Where a runtime makes an empty directory or file in a root that has none, for what is mounted there in every container. */
export const MOUNT_POINTS: readonly string[] = [
  'proc',
  'dev',
  'sys',
  'etc/resolv.conf',
  'etc/hostname',
  'etc/hosts',
  INIT_PATH.slice(1),
]

function initMount(options: SpecOptions): SpecMount[] {
  if (options.init === undefined) return []
  return [{ destination: INIT_PATH, type: 'bind', source: options.init, options: ['bind', 'ro'] }]
}

function userMount(mount: MountOption, recursiveReadonly: boolean): SpecMount {
  if (!mount.target.startsWith('/')) fail('invalid_argument', `mount path must be absolute: "${mount.target}"`)
  const destination = posix.normalize(mount.target).replace(/(.)\/$/, '$1')
  if (destination === '/') fail('invalid_argument', 'nothing can be mounted over "/"')
  return mount.type === 'bind' ? bind(mount, destination, recursiveReadonly) : tmpfs(mount, destination)
}

const PROPAGATIONS = new Set(['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'])

function bind(mount: BindOption, destination: string, recursiveReadonly: boolean): SpecMount {
  if (!mount.source.startsWith('/')) fail('invalid_argument', `bind source must be absolute: "${mount.source}"`)
  const propagation = mount.propagation || 'rprivate'
  if (!PROPAGATIONS.has(propagation)) fail('invalid_argument', `unknown mount propagation: "${propagation}"`)
  const readonly = recursiveReadonly && !mount.nonRecursive && !isFile(mount.source) ? ['ro', 'rro'] : ['ro']
  const options = [mount.nonRecursive ? 'bind' : 'rbind', propagation, ...(mount.readonly ? readonly : [])]
  return { destination, type: 'bind', source: mount.source, options }
}

/** Nothing is mounted below a file, and crun 1.8 refuses `rro` for one. */
function isFile(source: string): boolean {
  return statSync(source, { throwIfNoEntry: false })?.isDirectory() === false
}

const TMPFS_VALUES = /^(?:size=\d+[kmg%]?|mode=[0-7]{1,4}|[ug]id=\d+|nr_(?:inodes|blocks)=\d+[kmg]?|mpol=\S+)$/i
/** Flags by what they decide: a later word on the same matter replaces an earlier one. */
const TMPFS_FLAGS: Readonly<Record<string, string>> = {
  ro: 'ro',
  rw: 'ro',
  suid: 'suid',
  nosuid: 'suid',
  dev: 'dev',
  nodev: 'dev',
  exec: 'exec',
  noexec: 'exec',
  sync: 'sync',
  async: 'sync',
  dirsync: 'dirsync',
  atime: 'atime',
  noatime: 'atime',
  diratime: 'diratime',
  nodiratime: 'diratime',
  relatime: 'relatime',
  norelatime: 'relatime',
  strictatime: 'strictatime',
  nostrictatime: 'strictatime',
}

function tmpfs(mount: TmpfsOption, destination: string): SpecMount {
  const chosen = new Map([
    ['exec', 'noexec'],
    ['suid', 'nosuid'],
    ['dev', 'nodev'],
  ])
  for (const word of (mount.options ?? '').split(',').filter(Boolean)) {
    const about = TMPFS_FLAGS[word] ?? (TMPFS_VALUES.test(word) ? word.slice(0, word.indexOf('=')) : undefined)
    chosen.set(about ?? fail('invalid_argument', `invalid tmpfs option: "${word}"`), word)
  }
  if (mount.readonly) chosen.set('ro', 'ro')
  return { destination, type: 'tmpfs', source: 'tmpfs', options: [...chosen.values()] }
}

/** What the root mount must propagate so that the users' propagations have an effect. */
export function rootPropagation(mounts: readonly MountOption[]): string | undefined {
  const asked = new Set(mounts.map((mount) => (mount.type === 'bind' ? mount.propagation : undefined)))
  if (asked.has('shared') || asked.has('rshared')) return 'shared'
  return asked.has('slave') || asked.has('rslave') ? 'rslave' : undefined
}
