import type { SystemInfo } from '#engine'
import { command, type Command } from '../command.ts'
import { printEach } from '../format/list.ts'
import { binarySize } from '../format/units.ts'
import { print } from '../output.ts'
import { VERSION } from '../version.ts'

export const info: Command = command({
  usage: '[OPTIONS]',
  summary: 'Display system-wide information',
  options: {
    format: { type: 'string', short: 'f', help: "Format output: 'json' or a Go template", complete: ['json'] },
    json: { type: 'boolean', help: 'Same as --format json' },
  },
  max: 0,
  run: async (context, values) => {
    const about = await (await context.node()).system.info()
    const document = dockers(about)
    if (values.json || values.format === 'json') print(JSON.stringify(document))
    else if (values.format !== undefined) printEach([document], values.format)
    else print([...client(), '', ...server(about)].join('\n'))
  },
})

/** As docker's API names it: what there is, and nothing that is not. */
function dockers(about: SystemInfo): object {
  const { limits, rootless, appArmor } = about
  return {
    Containers: about.running + about.paused + about.stopped,
    ContainersRunning: about.running,
    ContainersPaused: about.paused,
    ContainersStopped: about.stopped,
    Images: about.images,
    Driver: 'overlay',
    DriverStatus: [['Layer Format', about.layerFormat]],
    MemoryLimit: limits.memory,
    SwapLimit: limits.swap,
    CpuCfsPeriod: limits.cpu,
    CpuCfsQuota: limits.cpu,
    CPUShares: limits.cpu,
    CPUSet: limits.cpuset,
    PidsLimit: limits.pids,
    LoggingDriver: 'k8s-file',
    CgroupDriver: cgroupDriver(about),
    CgroupVersion: cgroupVersion(about),
    KernelVersion: about.kernel,
    OperatingSystem: about.system,
    OSType: 'linux',
    Architecture: about.machine,
    NCPU: about.processors,
    MemTotal: about.memory,
    DockerRootDir: about.root,
    Name: about.hostname,
    ServerVersion: VERSION,
    Runtimes: Object.fromEntries(about.runtimes.map((name) => [name, { path: name }])),
    DefaultRuntime: about.defaultRuntime ?? '',
    InitBinary: about.init ?? '',
    SecurityOptions: security(rootless, appArmor).map((name) => `name=${name}`),
    Warnings: warnings(about),
    ClientInfo: { Debug: false, Version: VERSION, Context: 'default', Plugins: [], Warnings: null },
  }
}

function security(rootless: boolean, appArmor: boolean): readonly string[] {
  return [...(appArmor ? ['apparmor'] : []), 'seccomp,profile=builtin', ...(rootless ? ['rootless'] : []), 'cgroupns']
}

/** Whoever is not root has no say in control groups, unless systemd gives some. */
function cgroupDriver({ rootless, limits }: SystemInfo): string {
  if (!rootless) return 'cgroupfs'
  return limits.memory || limits.pids ? 'systemd' : 'none'
}

function cgroupVersion({ cgroups }: SystemInfo): string {
  return cgroups === 'v2' ? '2' : '1'
}

function warnings({ limits }: SystemInfo): readonly string[] {
  const lacks = Object.entries(limits).filter(([, there]) => !there)
  return lacks.map(([name]) => `WARNING: No ${name} limit support`)
}

function client(): readonly string[] {
  return ['Client:', ` Version:    ${VERSION}`, ' Debug Mode: false']
}

function server(about: SystemInfo): readonly string[] {
  const { running, paused, stopped } = about
  return [
    'Server:',
    ` Containers: ${running + paused + stopped}`,
    `  Running: ${running}`,
    `  Paused: ${paused}`,
    `  Stopped: ${stopped}`,
    ` Images: ${about.images}`,
    ` Server Version: ${VERSION}`,
    ' Storage Driver: overlay',
    `  Layer Format: ${about.layerFormat}`,
    ' Logging Driver: k8s-file',
    ` Cgroup Driver: ${cgroupDriver(about)}`,
    ` Cgroup Version: ${cgroupVersion(about)}`,
    ` Runtimes: ${about.runtimes.join(' ')}`,
    ` Default Runtime: ${about.defaultRuntime ?? ''}`,
    ` Init Binary: ${about.init ?? ''}`,
    ' Security Options:',
    ...security(about.rootless, about.appArmor).flatMap((text) => {
      const [name, profile] = text.split(',profile=')
      return [`  ${name}`, ...(profile ? [`   Profile: ${profile}`] : [])]
    }),
    ` Kernel Version: ${about.kernel}`,
    ` Operating System: ${about.system}`,
    ' OSType: linux',
    ` Architecture: ${about.machine}`,
    ` CPUs: ${about.processors}`,
    ` Total Memory: ${binarySize(about.memory)}`,
    ` Name: ${about.hostname}`,
    ` Docker Root Dir: ${about.root}`,
    ` Run Dir: ${about.run}`,
    ...warnings(about),
  ]
}
