import { fail } from '#base'
import { formatReference } from '#oci'
import type { Reference } from '#oci'
import type { Endpoint, RegistryHost } from '../types.ts'
import { configHome } from './confighome.ts'
import { isInsecureHost, isLoopback, NO_DAEMON_REGISTRIES, parseDaemonJson } from './daemonjson.ts'
import type { DaemonRegistries } from './daemonjson.ts'
import { mergeRegistriesConf, NO_REGISTRIES_CONF, parseRegistriesConf } from './registriesconf.ts'
import type { RegistriesConf, RegistryRule } from './registriesconf.ts'

/** Everything configured about registries. */
export interface RegistriesConfig {
  readonly containers: RegistriesConf
  readonly docker: DaemonRegistries
  /** Hosts named as insecure by the caller: `--insecure`, `--tls-verify=false`. */
  readonly insecure?: readonly string[]
  /** Hosts that are spoken to in plain HTTP from the start: behind a tunnel, `--plain-http`. */
  readonly plainHttp?: readonly string[]
}

/** No mirrors, nothing blocked, TLS everywhere but on the loopback. */
export const NO_CONFIG: RegistriesConfig = { containers: NO_REGISTRIES_CONF, docker: NO_DAEMON_REGISTRIES }

/** Docker Hub's name, and where it answers. */
const HUB = 'docker.io'
const HUB_HOST = 'registry-1.docker.io'

/**
 * Where to look for a reference, in order: mirrors first, the registry itself last.
 * `permission_denied` when the configuration blocks it.
 */
export function resolveEndpoints(reference: Reference, config: RegistriesConfig = NO_CONFIG): readonly Endpoint[] {
  const name = `${reference.domain}/${reference.path}`
  const rule = bestRule(config.containers.registries, name, reference)
  if (rule?.blocked)
    fail(
      'permission_denied',
      `${rule.prefix} is blocked in registries.conf: ${formatReference(reference)} is not fetched`,
    )
  const mirrors = (rule?.mirrors ?? []).map((mirror): Endpoint => {
    const at = rewrite(name, rule!.prefix, mirror.location)
    return { ...endpointOf(at, config, mirror.insecure), mirror: mirror.pulls }
  })
  const dockerMirrors =
    reference.domain === HUB && mirrors.length === 0
      ? config.docker.mirrors.map((mirror): Endpoint => {
          const endpoint = endpointOf(`${mirror.location}/${reference.path}`, config, false)
          return { ...endpoint, ...(mirror.plainHttp ? { plainHttp: true } : {}), mirror: 'all' }
        })
      : []
  const location = rule?.location === undefined ? name : rewrite(name, rule.prefix, rule.location)
  return [...mirrors, ...dockerMirrors, endpointOf(location, config, rule?.insecure ?? false)]
}

/** The endpoint of a registry as such: login, catalog. */
export function registryEndpoint(domain: string, config: RegistriesConfig = NO_CONFIG): Endpoint {
  const rule = config.containers.registries.find((r) => r.prefix === domain)
  if (rule?.blocked) fail('permission_denied', `${domain} is blocked in registries.conf`)
  return { ...endpointOf(`${rule?.location ?? domain}/`, config, rule?.insecure ?? false), path: '' }
}

/** The candidates for a name without a registry: an alias alone, else each search registry in turn. */
export function searchCandidates(shortName: string, config: RegistriesConf): readonly string[] {
  const { name, suffix } = splitSuffix(shortName)
  const alias = Object.hasOwn(config.aliases, name) ? config.aliases[name] : undefined
  if (alias !== undefined && alias !== '') return [alias + suffix]
  return (config.unqualifiedSearch ?? []).map((registry) => `${registry}/${shortName}`)
}

/**
 * The machine's configuration: the user's registries.conf, else the system's, with its drop-ins; Docker's
 * daemon.json. CONTAINERS_REGISTRIES_CONF replaces the first two.
 */
export async function readRegistriesConfig(
  host: RegistryHost,
  insecure: readonly string[] = [],
): Promise<RegistriesConfig> {
  const own = `${configHome(host)}/containers`
  const named = host.env.CONTAINERS_REGISTRIES_CONF
  const main = named ? [named] : [`${own}/registries.conf`, '/etc/containers/registries.conf']
  const files: RegistriesConf[] = []
  for (const path of main) {
    const text = await host.readFile(path)
    if (text === undefined) continue
    files.push(await parseRegistriesConf(text, path))
    break
  }
  for (const directory of named ? [`${named}.d`] : ['/etc/containers/registries.conf.d', `${own}/registries.conf.d`])
    for (const name of [...(await host.listDirectory(directory))].filter((n) => n.endsWith('.conf')).sort())
      files.push(await parseRegistriesConf((await host.readFile(`${directory}/${name}`)) ?? '', `${directory}/${name}`))
  return { containers: mergeRegistriesConf(files), docker: await readDaemonJson(host), insecure }
}

async function readDaemonJson(host: RegistryHost): Promise<DaemonRegistries> {
  const path = '/etc/docker/daemon.json'
  const text = await host.readFile(path)
  return text === undefined || text.trim() === '' ? NO_DAEMON_REGISTRIES : parseDaemonJson(text, path)
}

function endpointOf(location: string, config: RegistriesConfig, insecure: boolean): Endpoint {
  const slash = location.indexOf('/')
  if (slash < 1) fail('invalid_argument', `registries.conf: ${location} names no repository`)
  const host = location.slice(0, slash)
  const path = location.slice(slash + 1).replace(/(?::[^/:]+|@.*)$/, '')
  const listed = [...config.docker.insecure, ...(config.insecure ?? [])]
  return {
    host: host === HUB ? HUB_HOST : host,
    path,
    insecure: insecure || isInsecureHost(listed, host) || isLoopback(host),
    ...(config.plainHttp?.includes(host) ? { plainHttp: true } : {}),
  }
}

/** The rule with the longest prefix that the name lies under. */
function bestRule(rules: readonly RegistryRule[], name: string, reference: Reference): RegistryRule | undefined {
  let best: RegistryRule | undefined
  for (const rule of rules)
    if (matches(rule.prefix, name, reference) && (!best || rule.prefix.length > best.prefix.length)) best = rule
  return best
}

function matches(prefix: string, name: string, reference: Reference): boolean {
  if (prefix.startsWith('*.')) {
    const host = name.split('/', 1)[0]!
    return host.endsWith(prefix.slice(1)) && host.length > prefix.length - 1
  }
  if (prefix === name || name.startsWith(`${prefix}/`)) return true
  return prefix === `${name}:${reference.tag}` || prefix === `${name}@${reference.digest}`
}

function rewrite(name: string, prefix: string, location: string): string {
  if (prefix.startsWith('*.')) return `${location}${name.slice(name.indexOf('/'))}`
  // A prefix with a tag or digest covers the whole name.
  return name.startsWith(prefix) ? `${location}${name.slice(prefix.length)}` : location
}

function splitSuffix(text: string): { readonly name: string; readonly suffix: string } {
  const match = /^([^@]*?)((?::[^/:@]+)?(?:@.*)?)$/.exec(text)
  return { name: match?.[1] ?? text, suffix: match?.[2] ?? '' }
}
