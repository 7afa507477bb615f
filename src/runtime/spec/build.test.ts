import { describe, expect, test } from 'bun:test'
import { Resource } from '#sys'
import { buildSpec } from './build.ts'
import { CAPABILITIES, DEFAULT_CAPABILITIES } from './capabilities.ts'
import type { Device } from './devices.ts'
import type { HostFacts } from './host.ts'
import { RLIM_INFINITY } from './rlimits.ts'
import type { SpecOptions } from './types.ts'

const fuse: Device = {
  path: '/dev/fuse',
  type: 'c',
  major: 10,
  minor: 229,
  fileMode: 0o666,
  uid: 0,
  gid: 0,
  access: 'rw',
}
const host: HostFacts = {
  architecture: 'x64',
  capabilities: CAPABILITIES,
  hardLimit: (resource) => (resource === Resource.NOFILE ? 20000 : Infinity),
  cgroups: 'v1',
  userNamespace: false,
  userManager: 'no manager',
  swapLimit: true,
  cpus: 4,
  devices: [fuse],
  recursiveReadonly: true,
  throttleCounters: [],
  appArmor: { enabled: false, reachable: false, parser: undefined, profiles: [] },
}
const MiB = 1024 * 1024
const spec = (options: Partial<SpecOptions> = {}, facts: Partial<HostFacts> = {}): ReturnType<typeof buildSpec> =>
  buildSpec({ rootfs: '/r', args: ['sh'], ...options }, { ...host, ...facts })
const mountAt = (options: Partial<SpecOptions>, path: string, facts?: Partial<HostFacts>): object | undefined =>
  spec(options, facts).mounts.find((mount) => mount.destination === path)

describe('in a user namespace', () => {
  const user = { userNamespace: true, cgroups: 'v2' } as const
  const cgroupsPath = '/user.slice/user-1000.slice/user@1000.service/user.slice/cairn-1.scope'
  const limited = (
    resources: SpecOptions['resources'],
    userManager: HostFacts['userManager'],
  ): ReturnType<typeof spec> => spec({ cgroupsPath, ...(resources && { resources }) }, { ...user, userManager })

  test('there is no control group where nothing is to be limited', () => {
    const { linux } = limited(undefined, { controllers: ['memory'] })
    expect([linux.cgroupsPath, linux.resources]).toEqual([undefined, undefined])
  })
  test('limits are those that systemd of the user delegates; devices are root’s', () => {
    const { linux } = limited({ memory: 64 * MiB, pidsLimit: 5 }, { controllers: ['memory', 'pids'] })
    expect(linux.cgroupsPath).toBe(cgroupsPath)
    expect(linux.resources).toEqual({ memory: { limit: 64 * MiB, swap: 128 * MiB }, pids: { limit: 5 } })
  })
  test('one that is not delegated, and any without such a systemd, is refused with the cure', () => {
    expect(() => limited({ memory: 64 * MiB, cpus: 1 }, { controllers: ['memory'] })).toThrow(
      '--cpus, --cpu-shares, --cpu-period, --cpu-quota: systemd does not delegate cpu to this user',
    )
    for (const why of ['v1', 'no manager', 'no bus'] as const)
      expect(() => limited({ pidsLimit: 5 }, why)).toThrow('cannot be limited')
  })
})

describe("Docker's defaults", () => {
  const built = spec({ hostname: 'box', cgroupsPath: '/cairn-1' })

  test('mounts', () => {
    expect(built.mounts.map((m) => `${m.destination} ${m.type} ${m.options?.join()}`)).toEqual([
      '/proc proc nosuid,noexec,nodev',
      '/dev tmpfs nosuid,strictatime,mode=755,size=65536k',
      '/dev/pts devpts nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5',
      '/sys sysfs nosuid,noexec,nodev,ro',
      '/sys/fs/cgroup cgroup ro,nosuid,noexec,nodev',
      '/dev/mqueue mqueue nosuid,noexec,nodev',
      '/dev/shm tmpfs nosuid,noexec,nodev,mode=1777,size=67108864',
    ])
  })
  test('namespaces: all but user, and cgroup only with cgroup v2', () => {
    const types = (facts: Partial<HostFacts>): string[] => spec({}, facts).linux.namespaces.map((n) => n.type)
    expect(types({})).toEqual(['mount', 'pid', 'network', 'ipc', 'uts'])
    expect(types({ cgroups: 'hybrid' })).not.toContain('cgroup')
    expect(types({ cgroups: 'v2' })).toContain('cgroup')
  })
  test('capabilities of root: fourteen, none inheritable or ambient', () => {
    const { bounding, effective, permitted, inheritable, ambient } = built.process.capabilities ?? expect.unreachable()
    expect(bounding).toHaveLength(14)
    expect(bounding).toEqual([...DEFAULT_CAPABILITIES])
    expect([effective, permitted]).toEqual([bounding, bounding])
    expect([inheritable, ambient]).toEqual([[], []])
  })
  test('capabilities of a user: a bounding set alone', () => {
    const user = { uid: 1000, gid: 1000, additionalGids: [1000], home: '/home/u' }
    const { bounding, effective, permitted } = spec({ user }).process.capabilities ?? expect.unreachable()
    expect([bounding?.length, effective, permitted]).toEqual([14, [], []])
  })
  test('environment', () => {
    expect(built.process.env).toEqual([
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'HOSTNAME=box',
      'HOME=/root',
    ])
    expect(spec({ tty: true }).process.env).toContain('TERM=xterm')
  })
  test("the image's environment wins, and its order of first mention is kept", () => {
    const env = ['PATH=/x', 'A=1', 'HOME=/h', 'A=2', 'EMPTY=', 'EQ=a=b']
    expect(spec({ env }).process.env).toEqual(['PATH=/x', 'A=2', 'HOME=/h', 'EMPTY=', 'EQ=a=b'])
  })
  test("sysctls, unless the network is the host's", () => {
    expect(built.linux.sysctl).toEqual({
      'net.ipv4.ip_unprivileged_port_start': '0',
      'net.ipv4.ping_group_range': '0 2147483647',
    })
    expect(spec({ network: 'host' }).linux.sysctl).toEqual({})
  })
  test('masked and read-only paths', () => {
    expect(built.linux.maskedPaths).toContain('/proc/kcore')
    expect(built.linux.maskedPaths).toContain('/sys/firmware')
    expect(built.linux.readonlyPaths).toEqual([
      '/proc/bus',
      '/proc/fs',
      '/proc/irq',
      '/proc/sys',
      '/proc/sysrq-trigger',
    ])
  })
  test('the default AppArmor profile, where there is one', () => {
    const appArmor = { enabled: true, reachable: true, parser: '/sbin/apparmor_parser', profiles: [] }
    expect(built.process).not.toHaveProperty('apparmorProfile')
    expect(spec({}, { appArmor }).process.apparmorProfile).toBe('cairn-default')
    expect(spec({ privileged: true }, { appArmor }).process.apparmorProfile).toBe('unconfined')
  })
  test('a soft limit of open files that no program chokes on, whatever this process raised its own to', () => {
    expect(built.process.rlimits).toEqual([{ type: 'RLIMIT_NOFILE', hard: 20000, soft: 1024 }])
  })
  test('seccomp for all three kinds of program', () => {
    expect(built.linux.seccomp).toMatchObject({
      defaultAction: 'SCMP_ACT_ERRNO',
      architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
    })
  })
  test('device rules: deny all, allow six, deny fuse', () => {
    const rules = built.linux.resources?.devices as { allow: boolean; major?: number; minor?: number }[]
    expect(rules[0]).toEqual({ allow: false, access: 'rwm' } as (typeof rules)[0])
    expect(rules.filter((rule) => rule.allow).map((rule) => `${rule.major}:${rule.minor}`)).toEqual([
      '1:5',
      '1:3',
      '1:9',
      '1:8',
      '5:0',
      '5:1',
    ])
  })
  test('the spec is plain data: building it twice gives the same', () => {
    expect(JSON.stringify(spec())).toBe(JSON.stringify(spec()))
  })
})

test('privileged: every capability and device, nothing masked, /sys writable, no filter', () => {
  const { process, linux, mounts } = spec({ privileged: true })
  expect(process.capabilities?.bounding).toEqual(CAPABILITIES)
  expect([linux.maskedPaths, linux.readonlyPaths, linux.seccomp]).toEqual([[], [], undefined])
  expect(linux.devices).toEqual([
    { path: '/dev/fuse', type: 'c', major: 10, minor: 229, fileMode: 0o666, uid: 0, gid: 0 },
  ])
  expect(linux.resources?.devices).toEqual([{ allow: true, access: 'rwm' }])
  expect(mounts.filter((mount) => mount.options?.includes('ro'))).toEqual([])
})

describe('namespaces shared with the host or another', () => {
  const find = (options: Partial<SpecOptions>, type: string): object | undefined =>
    spec(options).linux.namespaces.find((namespace) => namespace.type === type)
  test('network', () => {
    expect(find({ network: 'none' }, 'network')).toEqual({ type: 'network' })
    expect(find({ network: { path: '/proc/1/fd/9' } }, 'network')).toEqual({ type: 'network', path: '/proc/1/fd/9' })
    expect(find({ network: 'host' }, 'network')).toBeUndefined()
  })
  test('pid, ipc, uts, cgroup', () => {
    for (const [option, type] of [
      ['pid', 'pid'],
      ['ipc', 'ipc'],
      ['uts', 'uts'],
      ['cgroupns', 'cgroup'],
    ] as const) {
      expect(find({ [option]: 'host' }, type)).toBeUndefined()
      expect(find({ [option]: 'private' }, type)).toEqual({ type })
    }
    expect(find({ ipc: { path: '/p' } }, 'ipc')).toEqual({ type: 'ipc', path: '/p' })
  })
  test("the host's name cannot be changed", () => {
    expect(spec({ uts: 'host', hostname: 'x', domainname: 'y' })).not.toHaveProperty('hostname')
  })
  test("the host's shared memory is the host's", () => {
    expect(mountAt({ ipc: 'host' }, '/dev/shm')).toMatchObject({ type: 'bind', source: '/dev/shm' })
  })
})

describe('mounts', () => {
  const bind = { type: 'bind', source: '/s', target: '/data' } as const
  test('a bind is recursive and private', () => {
    expect(mountAt({ mounts: [bind] }, '/data')).toEqual({
      destination: '/data',
      type: 'bind',
      source: '/s',
      options: ['rbind', 'rprivate'],
    })
  })
  test('a read-only one is so with everything below, where the kernel can', () => {
    const mounts = [{ ...bind, readonly: true }]
    expect(mountAt({ mounts }, '/data')).toMatchObject({ options: ['rbind', 'rprivate', 'ro', 'rro'] })
    expect(mountAt({ mounts }, '/data', { recursiveReadonly: false })).toMatchObject({
      options: ['rbind', 'rprivate', 'ro'],
    })
  })
  test('propagation reaches the root mount', () => {
    expect(spec({ mounts: [{ ...bind, propagation: 'rshared' }] }).linux.rootfsPropagation).toBe('shared')
    expect(spec({ mounts: [{ ...bind, propagation: 'slave' }] }).linux.rootfsPropagation).toBe('rslave')
    expect(spec({ mounts: [bind] }).linux).not.toHaveProperty('rootfsPropagation')
  })
  test('tmpfs: closed unless opened, later words win', () => {
    expect(mountAt({ mounts: [{ type: 'tmpfs', target: '/t' }] }, '/t')).toMatchObject({
      options: ['noexec', 'nosuid', 'nodev'],
    })
    const options = 'size=1m,exec,size=2m,mode=1777'
    expect(mountAt({ mounts: [{ type: 'tmpfs', target: '/t', options }] }, '/t')).toMatchObject({
      options: ['exec', 'nosuid', 'nodev', 'size=2m', 'mode=1777'],
    })
  })
  test('shallow before deep, and over the defaults', () => {
    const mounts = ['/a/b/c', '/a', '/dev/shm', '/a/b/'].map((target) => ({ ...bind, target }))
    const { mounts: built } = spec({ mounts })
    expect(built.slice(-4).map((mount) => mount.destination)).toEqual(['/a', '/dev/shm', '/a/b', '/a/b/c'])
    expect(built.filter((mount) => mount.destination === '/dev/shm')).toHaveLength(1)
  })
  test('one at /dev hides the defaults below', () => {
    const { mounts } = spec({ mounts: [{ ...bind, target: '/dev' }] })
    expect(mounts.filter((mount) => mount.destination.startsWith('/dev')).map((mount) => mount.type)).toEqual(['bind'])
  })
  test('the three files of /etc, read-only with the root, replaceable', () => {
    const files = { hosts: '/h', resolvConf: '/r' }
    expect(mountAt({ files }, '/etc/hosts')).toMatchObject({ source: '/h', options: ['rbind', 'rprivate', 'rw'] })
    expect(mountAt({ files, readonlyRootfs: true }, '/etc/resolv.conf')).toMatchObject({
      options: ['rbind', 'rprivate', 'ro'],
    })
    expect(mountAt({ files }, '/etc/hostname')).toBeUndefined()
    expect(mountAt({ files, mounts: [{ ...bind, target: '/etc/hosts' }] }, '/etc/hosts')).toMatchObject({
      source: '/s',
    })
  })
  test('the three files lie over a mount of all /etc, where they can', () => {
    const files = { hosts: '/h' }
    const inside = (mount: { source?: string; readonly?: boolean }): readonly string[] =>
      spec({ files, mounts: [{ ...bind, target: '/etc', ...mount }] })
        .mounts.slice(-2)
        .map(({ destination }) => destination)
    expect(inside({})).toEqual(['/etc', '/etc/hosts'])
    expect(inside({ source: '/etc', readonly: true })).toEqual(['/etc', '/etc/hosts'])
    expect(inside({ source: '/proc', readonly: true })).not.toContain('/etc/hosts')
  })
  test.each([
    [{ ...bind, target: 'data' }, 'must be absolute'],
    [{ ...bind, target: '/x/..' }, 'nothing can be mounted over "/"'],
    [{ ...bind, source: 'here' }, 'bind source must be absolute'],
    [{ ...bind, propagation: 'sideways' }, 'unknown mount propagation'],
    [{ type: 'tmpfs', target: '/t', options: 'uid=0,lowerdir=/etc' } as const, 'invalid tmpfs option: "lowerdir=/etc"'],
  ])('refused: %j', (mount, message) => {
    expect(() => spec({ mounts: [mount] })).toThrow(message)
  })
  test('one place twice is refused', () => {
    expect(() => spec({ mounts: [bind, { ...bind, target: '/data/' }] })).toThrow('duplicate mount point: /data')
  })
})

describe('resources', () => {
  const resources = (asked: SpecOptions['resources'], facts?: Partial<HostFacts>): object => {
    const { devices: _, ...rest } = spec({ resources: asked ?? {} }, facts).linux.resources ?? {}
    return rest
  }
  test('none', () => expect(resources({})).toEqual({}))
  test('memory brings as much swap, where swap can be limited', () => {
    expect(resources({ memory: 64 * MiB })).toEqual({ memory: { limit: 64 * MiB, swap: 128 * MiB } })
    expect(resources({ memory: 64 * MiB, memorySwap: -1 })).toEqual({ memory: { limit: 64 * MiB, swap: -1 } })
    expect(resources({ memory: 64 * MiB }, { swapLimit: false })).toEqual({ memory: { limit: 64 * MiB } })
  })
  test('cpus are a quota', () => expect(resources({ cpus: 1.5 })).toEqual({ cpu: { quota: 150_000, period: 100_000 } }))
  test('shares, sets, pids', () => {
    expect(resources({ cpuShares: 512, cpusetCpus: '0-1,3', pidsLimit: 10 })).toEqual({
      cpu: { shares: 512, cpus: '0-1,3' },
      pids: { limit: 10 },
    })
    expect(resources({ pidsLimit: -1 })).toEqual({})
  })
  test.each([
    [{ memory: 1 * MiB }, 'minimum memory limit'],
    [{ memory: 64 * MiB, memorySwap: 32 * MiB }, 'memory-swap'],
    [{ memorySwap: 32 * MiB }, 'memory-swap'],
    [{ memory: 64 * MiB, memoryReservation: 65 * MiB }, 'memory reservation'],
    [{ cpus: 5 }, 'range of CPUs is from 0.01 to 4.00'],
    [{ cpus: 0 }, 'range of CPUs'],
    [{ cpus: Number.NaN }, 'range of CPUs'],
    [{ cpus: 1, cpuQuota: 5 }, 'cannot be combined'],
    [{ cpusetCpus: '0;1' }, 'invalid cpuset'],
  ])('refused: %j', (asked, message) => {
    expect(() => resources(asked)).toThrow(message)
  })
})

describe('limits', () => {
  const limits = (...ulimits: NonNullable<SpecOptions['ulimits']>): unknown => spec({ ulimits }).process.rlimits
  test('are cut to what this process may give', () => {
    expect(limits({ name: 'nofile', soft: 100, hard: 1e9 })).toEqual([
      { type: 'RLIMIT_NOFILE', soft: 100, hard: 20000 },
    ])
  })
  test('-1 is none', () => {
    expect(limits({ name: 'RLIMIT_CORE', soft: 0, hard: -1 })).toEqual([
      { type: 'RLIMIT_CORE', soft: 0, hard: RLIM_INFINITY },
      { type: 'RLIMIT_NOFILE', soft: 1024, hard: 20000 },
    ])
  })
  test('unknown or upside down is refused', () => {
    expect(() => limits({ name: 'nofiles', soft: 1, hard: 1 })).toThrow('unknown ulimit: "nofiles"')
    expect(() => limits({ name: 'core', soft: 2, hard: 1 })).toThrow('above hard limit')
    expect(() => limits({ name: 'core', soft: -1, hard: 1 })).toThrow('above hard limit')
  })
})

describe('sysctls', () => {
  test("of the container's own namespaces are set", () => {
    const sysctls = { 'net.core.somaxconn': '99', 'kernel.msgmax': '1', 'fs.mqueue.msg_max': '2' }
    expect(spec({ sysctls }).linux.sysctl).toMatchObject(sysctls)
    expect(spec({ sysctls: { 'net.ipv4.ip_unprivileged_port_start': '9' } }).linux.sysctl).toMatchObject({
      'net.ipv4.ip_unprivileged_port_start': '9',
    })
  })
  test.each([
    [{ sysctls: { 'kernel.panic': '1' } }],
    [{ sysctls: { 'vm.swappiness': '1' } }],
    [{ sysctls: { 'net.core.somaxconn': '1' }, network: 'host' } as const],
    [{ sysctls: { 'kernel.msgmax': '1' }, ipc: 'host' } as const],
  ])('of the host are refused: %j', (options) => {
    expect(() => spec(options)).toThrow("is not in a kernel namespace of the container's own")
  })
})

test('an init becomes the first process', () => {
  const { process, mounts } = spec({ init: '/usr/bin/catatonit', args: ['sh', '-c', 'true'] })
  expect(process.args).toEqual(['/sbin/docker-init', '--', 'sh', '-c', 'true'])
  expect(mounts.at(-1)).toMatchObject({ destination: '/sbin/docker-init', source: '/usr/bin/catatonit' })
})

test('a device asked for has a node and a rule', () => {
  const { devices, resources } = spec({ devices: [fuse] }).linux
  expect(devices).toMatchObject([{ path: '/dev/fuse' }])
  expect(resources?.devices?.at(-1)).toEqual({ allow: true, type: 'c', major: 10, minor: 229, access: 'rw' })
})

test('no command, and a relative directory, are refused', () => {
  expect(() => spec({ args: [] })).toThrow('no command specified')
  expect(() => spec({ cwd: 'srv' })).toThrow('not an absolute path')
})
