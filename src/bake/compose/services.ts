import { fail } from '#base'
import { isName } from '../definition/fields.ts'
import { merge } from '../definition/merge.ts'
import type { BakeFile, Entry, Target } from '../types.ts'
import { parseDotenv } from './dotenv.ts'
import { lookupIn } from './interpolate.ts'
import type { ComposeModel, Environment, ReadFile } from './load.ts'
import { listOf } from './merge.ts'
import { boolAt, isTreeMap, mapAt, pairsAt, scalarAt, textAt, textsAt, wrong, type Tree, type TreeMap } from './tree.ts'
import { bytesText } from './units.ts'
import { entry, filled, named, targetName, unique } from './values.ts'
import { extensionOf } from './xbake.ts'

/** Every service that is built, as a target. */
export function targetsOf(model: ComposeModel, environment: Environment, read: ReadFile): ReadonlyMap<string, Target> {
  const targets = new Map<string, Target>()
  for (const [name, service] of Object.entries(model.services)) {
    const path = `services.${name}`
    const build = service['build']
    if (build === undefined || build === null) {
      if (!textAt(service['image'], `${path}.image`))
        fail('invalid_argument', `service ${JSON.stringify(name)} has neither an image nor a build context`)
      continue
    }
    const target = targetName(name)
    if (!isName(target))
      fail(
        'invalid_argument',
        `invalid service name ${JSON.stringify(name)}: only letters, digits, "_", "-" and "." are allowed`,
      )
    checkLinks(name, mapAt(build, `${path}.build`), model)
    const variables = variablesOf(service, path, environment, read)
    targets.set(target, targetOf(service, { path, secrets: model.secrets, variables }))
  }
  return targets
}

interface ServiceScope {
  readonly path: string
  readonly secrets: TreeMap
  /** The value of an argument that names none. */
  readonly variables: (name: string) => string | undefined
}

/** Members that a builder may honour, and none does. */
const PLATFORM_SPECIFIC = ['isolation', 'privileged']

function targetOf(service: TreeMap, { path: at, secrets, variables }: ServiceScope): Target {
  const path = `${at}.build`
  const {
    additional_contexts: contexts,
    args,
    cache_from: cacheFrom,
    cache_to: cacheTo,
    context,
    dockerfile,
    dockerfile_inline: inline,
    entitlements,
    extra_hosts: hosts,
    labels,
    network,
    no_cache: noCache,
    no_cache_filter: noCacheFilter,
    platforms,
    provenance,
    pull,
    sbom,
    secrets: uses,
    shm_size: shmSize,
    ssh,
    tags,
    target,
    ulimits,
    ...rest
  } = mapAt(service['build'], path)
  const unknown = Object.keys(rest).find((name) => !name.startsWith('x-') && !PLATFORM_SPECIFIC.includes(name))
  if (unknown !== undefined) fail('invalid_argument', `${path} has no ${JSON.stringify(unknown)}`)
  const [file, text] = [textAt(dockerfile, `${path}.dockerfile`), textAt(inline, `${path}.dockerfile_inline`)]
  if (file && text) fail('invalid_argument', `${path} has both a dockerfile and a dockerfile_inline`)
  const entries = (value: Tree | undefined, name: 'cache-from' | 'cache-to', of: string): Entry[] | undefined =>
    textsAt(value, `${path}.${of}`)?.flatMap((item) => (item === '' ? [] : [entry(name, item, `${path}.${of}`)]))
  const values = [...pairsAt(args, `${path}.args`)].map(([name, value]) => [name, value ?? variables(name)] as const)
  const size = shmSize === undefined || shmSize === null ? undefined : scalarAt(shmSize, `${path}.shm_size`)

  const own = present({
    context: textAt(context, `${path}.context`) || '.',
    contexts: named(contexts, `${path}.additional_contexts`),
    dockerfile: file || undefined,
    'dockerfile-inline': text || undefined,
    args: filled(values),
    labels: filled([...pairsAt(labels, `${path}.labels`)].map(([name, value]) => [name, value ?? ''] as const)),
    tags: unique(textsAt(tags, `${path}.tags`)),
    'cache-from': entries(cacheFrom, 'cache-from', 'cache_from'),
    'cache-to': entries(cacheTo, 'cache-to', 'cache_to'),
    target: textAt(target, `${path}.target`) || undefined,
    secret: listOf(uses ?? null).map((use) => secretOf(mapAt(use, `${path}.secrets`), secrets, path)),
    ssh: keysOf(ssh, `${path}.ssh`),
    platforms: textsAt(platforms, `${path}.platforms`),
    attest: [...attested('sbom', sbom, path), ...attested('provenance', provenance, path)],
    network: textAt(network, `${path}.network`) || undefined,
    pull: boolAt(pull, `${path}.pull`) || undefined,
    'no-cache': boolAt(noCache, `${path}.no_cache`) || undefined,
    'no-cache-filter': listOf(noCacheFilter ?? null).map((stage) => scalarAt(stage, `${path}.no_cache_filter`)),
    'shm-size': size === undefined ? undefined : bytesText(size, `${path}.shm_size`),
    ulimits: Object.entries(mapAt(ulimits, `${path}.ulimits`)).map(([name, limit]) =>
      limitOf(name, limit, `${path}.ulimits.${name}`),
    ),
    entitlements: textsAt(entitlements, `${path}.entitlements`),
    'extra-hosts': hostsOf(hosts, `${path}.extra_hosts`),
  })
  const extended = extensionOf(own, rest['x-bake'], `${path}.x-bake`)
  const image = textAt(service['image'], `${at}.image`)
  return extended.tags?.length || !image ? extended : { ...extended, tags: [image] }
}

function checkLinks(name: string, build: TreeMap, { services }: ComposeModel): void {
  for (const [, context] of pairsAt(build['additional_contexts'], `services.${name}.build.additional_contexts`)) {
    const other = /^service:(.*)$/s.exec(context ?? '')?.[1]
    if (other === undefined) continue
    const found = Object.hasOwn(services, other) ? services[other] : undefined
    if (!found?.['build'])
      fail('invalid_argument', `service ${JSON.stringify(name)} reads ${JSON.stringify(other)}, which is not built`)
  }
}

/** The service's own environment, then the caller's. */
function variablesOf(
  service: TreeMap,
  path: string,
  environment: Environment,
  read: ReadFile,
): (name: string) => string | undefined {
  const outer = lookupIn(environment)
  const own = new Map<string, string>()
  for (const item of listOf(service['env_file'] ?? null)) {
    const { path: file, required, format } = mapAt(item, `${path}.env_file`)
    const name = textAt(file, `${path}.env_file.path`) ?? wrong(`${path}.env_file.path`, 'a string')
    if (format !== undefined) fail('unimplemented', `${path}.env_file.format is not read`)
    const text = read(name)
    if (text === undefined && boolAt(required, `${path}.env_file.required`) !== false)
      fail('not_found', `${path}.env_file: there is no file ${name}`)
    const values: BakeFile = { name, text: text ?? '' }
    for (const [key, value] of parseDotenv(values, (key) => outer(key) ?? own.get(key))) own.set(key, value)
  }
  for (const [key, value] of pairsAt(service['environment'], `${path}.environment`)) {
    const found = value ?? outer(key)
    if (found !== undefined) own.set(key, found)
  }
  return (name) => own.get(name) ?? outer(name)
}

function secretOf(use: TreeMap, secrets: TreeMap, path: string): Entry {
  const id = textAt(use['source'], `${path}.secrets.source`) ?? ''
  if (!Object.hasOwn(secrets, id)) fail('invalid_argument', `${path}.secrets: there is no secret ${JSON.stringify(id)}`)
  const secret = mapAt(secrets[id], `secrets.${id}`)
  const { external } = secret
  if (isTreeMap(external) || boolAt(external, `secrets.${id}.external`))
    fail('unimplemented', `${path}: the secret ${JSON.stringify(id)} is external`, {
      hint: 'name a file or a variable',
    })
  return present({
    id,
    src: textAt(secret['file'], `secrets.${id}.file`) || undefined,
    env: textAt(secret['environment'], `secrets.${id}.environment`) || undefined,
  }) as Entry
}

function keysOf(value: Tree | undefined, path: string): Entry[] {
  const keys = [...pairsAt(value, path)].sort(([a], [b]) => (a < b ? -1 : 1))
  return keys.map(([id, file]) => (file ? { id, paths: file } : { id }))
}

function attested(type: string, value: Tree | undefined, path: string): Entry[] {
  if (value === undefined || value === null || value === '') return []
  const text = scalarAt(value, `${path}.${type}`)
  if (/^(1|t|true)$/i.test(text)) return [{ type, disabled: 'false' }]
  if (/^(0|f|false)$/i.test(text)) return [{ type, disabled: 'true' }]
  return [entry('attest', `type=${type},${text}`, `${path}.${type}`)]
}

function limitOf(name: string, value: Tree, path: string): string {
  const number = (one: Tree | undefined): string => {
    const text = one === undefined || one === null ? '' : scalarAt(one, path)
    return /^-?\d+$/.test(text) ? text : wrong(path, 'a whole number, or soft and hard ones')
  }
  if (!isTreeMap(value)) return `${name}=${number(value)}:${number(value)}`
  return `${name}=${number(value['soft'])}:${number(value['hard'])}`
}

function hostsOf(value: Tree | undefined, path: string): Record<string, string> | undefined {
  const all = new Map<string, string[]>()
  const add = (host: string, addresses: readonly string[]): void => {
    if (host === '' || /[:=]/.test(host)) wrong(path, 'HOST=ADDRESS')
    const bare = addresses.map((address) => address.replace(/^\[(.+)\]$/s, '$1'))
    all.set(host, [...(all.get(host) ?? []), ...bare])
  }
  if (isTreeMap(value))
    for (const [host, addresses] of Object.entries(value))
      add(
        host,
        listOf(addresses).map((address) => scalarAt(address, `${path}.${host}`)),
      )
  else
    for (const item of textsAt(value, path) ?? []) {
      const at = item.includes('=') ? item.indexOf('=') : item.indexOf(':')
      if (at < 0) wrong(path, 'HOST=ADDRESS')
      add(item.slice(0, at), item.slice(at + 1).split(','))
    }
  return filled([...all].map(([host, addresses]) => [host, addresses.join(',')] as const))
}

function present(
  members: { readonly [K in keyof Target]: Target[K] | undefined } & {
    id?: string
    src?: string | undefined
    env?: string | undefined
  },
): Target {
  const said = Object.entries(members).filter(
    ([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0),
  )
  return merge({}, Object.fromEntries(said))
}
