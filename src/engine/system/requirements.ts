import { accessSync, constants, existsSync, mkdirSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import { messageOf } from '#base'
import { findProgram, probeNetwork } from '#runtime'
import { fileSystem, FileSystemMagic, hasSyscall, inUserNamespace } from '#sys'
import type { Parts } from '../parts.ts'
import { whyNotRootless } from '../usernamespace.ts'
import type { Requirement } from '../types.ts'
import { appArmor } from './apparmor.ts'
import { buildSources } from './buildsources.ts'
import { controlGroups, machineRoot } from './controlgroups.ts'

/** Everything that Cairn needs of the machine: what is there, what a lack costs, and its cure. Changes nothing that stays. */
export async function requirements(parts: Parts): Promise<readonly Requirement[]> {
  return [
    user(),
    kernel(),
    store(parts),
    space(parts),
    await layers(parts),
    controlGroups(),
    appArmor(),
    runtime(),
    monitor(),
    ...network(),
    init(),
    buildSources(),
  ]
}

function user(): Requirement {
  const name = 'user'
  if (process.getuid?.() === 0)
    return { name, state: 'ok', found: inUserNamespace() ? 'root of a user namespace' : 'root' }
  const failure = whyNotRootless()
  return {
    name,
    state: 'missing',
    found: failure?.message ?? `uid ${process.getuid?.() ?? '?'}`,
    cost: 'nothing runs or builds: mounts and namespaces are root’s',
    cure: failure?.hint ?? 'sudo cairn …',
  }
}

function kernel(): Requirement {
  const name = 'kernel'
  const missing = (['openat2', 'pidfd_open'] as const).filter((call) => !hasSyscall(call))
  const found = `Linux ${release()}`
  if (missing.length === 0) return { name, state: 'ok', found }
  return {
    name,
    state: 'missing',
    found: `${found}, without ${missing.join(' and ')}`,
    cost: 'containers: paths inside images cannot be resolved safely',
    cure: 'a kernel of at least 5.11 (Debian 12, Ubuntu 22.04)',
  }
}

function store(parts: Parts): Requirement {
  const { root } = parts.paths
  try {
    mkdirSync(root, { recursive: true, mode: 0o711 })
    accessSync(root, constants.W_OK)
    const { type } = fileSystem(root)
    const odd =
      type === FileSystemMagic.tmpfs
        ? 'tmpfs'
        : type === FileSystemMagic.overlayfs
          ? 'overlayfs'
          : type === FileSystemMagic.nfs
            ? 'NFS'
            : undefined
    if (odd === undefined) return { name: 'store', state: 'ok', found: root }
    return {
      name: 'store',
      state: odd === 'NFS' ? 'missing' : 'degraded',
      found: `${root} on ${odd}`,
      cost:
        odd === 'NFS'
          ? 'containers: overlayfs cannot write there'
          : 'layers go through loop devices or directories; containers may not start',
      cure: 'keep the store on ext4, xfs or btrfs: --root DIR or CAIRN_ROOT',
    }
  } catch (error) {
    return {
      name: 'store',
      state: 'missing',
      found: messageOf(error),
      cost: 'everything',
      cure: `make ${root} writable, or give another: --root DIR`,
    }
  }
}

function space(parts: Parts): Requirement {
  const { available } = fileSystem(existing(parts.paths.root))
  const found = `${(available / 1e9).toFixed(1)} GB free for ${parts.paths.root}`
  if (available > 2e9) return { name: 'space', state: 'ok', found }
  return {
    name: 'space',
    state: 'degraded',
    found,
    cost: 'builds and loads may fail for want of space',
    cure: 'cairn system prune',
  }
}

async function layers(parts: Parts): Promise<Requirement> {
  try {
    const { format } = await parts.layers()
    if (format === 'erofs') return { name: 'layers', state: 'ok', found: 'EROFS files, mounted by the kernel' }
    return {
      name: 'layers',
      state: 'degraded',
      found: format === 'directory' ? 'directories' : 'EROFS files through loop devices',
      cost:
        format === 'directory'
          ? 'loading is slower, layers take more inodes'
          : 'starting is slower by some milliseconds a layer',
      cure: !machineRoot()
        ? 'run it as root: the kernel mounts layer files for nobody else'
        : format === 'directory'
          ? 'modprobe erofs loop'
          : 'a kernel of at least 6.12 (Debian 12: bookworm-backports), and a store on ext4, xfs or btrfs',
    }
  } catch (error) {
    return {
      name: 'layers',
      state: 'missing',
      found: messageOf(error),
      cost: 'images cannot be stored',
      cure: 'see the store, above',
    }
  }
}

function runtime(): Requirement {
  const name = 'runtime'
  const crun = findProgram('crun')
  const runc = findProgram('runc')
  if (crun) return { name, state: 'ok', found: [crun, runc].filter(Boolean).join(', ') }
  const cure = 'apt-get install -y crun'
  if (runc)
    return {
      name,
      state: 'degraded',
      found: runc,
      cost: 'containers start slower: crun takes about two thirds of the time',
      cure,
    }
  return {
    name,
    state: 'missing',
    found: 'neither crun nor runc',
    cost: 'nothing runs, and builds with RUN fail',
    cure,
  }
}

function monitor(): Requirement {
  const path = findProgram('conmon')
  if (path) return { name: 'monitor', state: 'ok', found: path }
  return {
    name: 'monitor',
    state: 'missing',
    found: 'no conmon',
    cost: 'run -d, run -t and logs: only foreground run --rm works',
    cure: 'apt-get install -y conmon',
  }
}

function network(): readonly Requirement[] {
  const name = 'bridge network'
  if (inUserNamespace()) return [userNetwork()]
  if (process.getuid?.() !== 0) return []
  const probe = probeNetwork()
  const wrong = [probe.linksError, probe.nftablesError].filter((text) => text !== undefined)
  if (wrong.length > 0)
    return [
      {
        name,
        state: 'missing',
        found: wrong.join('; '),
        cost: 'the default network and published ports: use --network host or none',
        cure: 'modprobe -a bridge veth nf_tables nft_nat nft_masq nft_fib_inet',
      },
    ]
  const blocked = probe.forwardPolicy === 'drop' && !probe.dockerUser
  if (blocked)
    return [
      {
        name,
        state: 'degraded',
        found: 'the firewall drops forwarded packets',
        cost: 'containers do not reach the outside, nor it them',
        cure: 'iptables -I FORWARD -i cairn0 -j ACCEPT; iptables -I FORWARD -o cairn0 -j ACCEPT',
      },
    ]
  return [{ name, state: 'ok', found: `bridges and nftables${probe.ipv6 ? ', IPv6' : ''}` }]
}

function userNetwork(): Requirement {
  const name = 'network'
  const path = findProgram('slirp4netns')
  if (path) return { name, state: 'ok', found: path }
  return {
    name,
    state: 'missing',
    found: 'no slirp4netns',
    cost: 'the default network and published ports: use --network host or none',
    cure: 'apt-get install -y slirp4netns',
  }
}

function init(): Requirement {
  const path = ['docker-init', 'catatonit', 'tini-static'].map(findProgram).find((found) => found !== undefined)
  if (path) return { name: 'init', state: 'ok', found: path }
  return { name: 'init', state: 'degraded', found: 'none', cost: 'run --init', cure: 'apt-get install -y catatonit' }
}

function existing(path: string): string {
  while (path !== '/' && !existsSync(path)) path = join(path, '..')
  return path
}
