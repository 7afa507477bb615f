import { fail } from '#base'
import { asArray, asObject, asString, asStrings } from '#oci'
import type { JsonObject } from '#oci'

/** containers' `registries.conf`, version 2 (containers-registries.conf(5)). */
export interface RegistriesConf {
  /** Where names without a registry are looked for. */
  readonly unqualifiedSearch?: readonly string[]
  readonly shortNameMode?: string
  readonly credentialHelpers?: readonly string[]
  readonly registries: readonly RegistryRule[]
  /** Short names and what they stand for. */
  readonly aliases: Readonly<Record<string, string>>
}

/** A `[[registry]]` of registries.conf (containers-registries.conf(5)). */
export interface RegistryRule {
  /** `host[:port][/namespace[/repository[:tag|@digest]]]` or `*.domain`. */
  readonly prefix: string
  /** What takes the prefix's place; absent for a wildcard that stays as it is. */
  readonly location?: string
  readonly insecure: boolean
  readonly blocked: boolean
  readonly mirrorByDigestOnly: boolean
  readonly mirrors: readonly MirrorRule[]
}

/** A `[[registry.mirror]]`: tried before the registry itself, for the pulls that it is meant for. */
export interface MirrorRule {
  readonly location: string
  readonly insecure: boolean
  readonly pulls: 'all' | 'digest-only' | 'tag-only'
}

export const NO_REGISTRIES_CONF: RegistriesConf = { registries: [], aliases: {} }

const TEXT_LIMIT = 1 << 20

/** Reads one file; `what` is its path, for errors. `invalid_argument` for TOML or values that make no sense. */
export async function parseRegistriesConf(text: string, what: string): Promise<RegistriesConf> {
  if (text.length > TEXT_LIMIT) fail('resource_exhausted', `${what} is larger than ${TEXT_LIMIT} characters`)
  // Loaded when a file is there: most machines have none.
  const { parse } = await import('smol-toml')
  let document: JsonObject
  try {
    document = asObject(parse(text), what)
  } catch (cause) {
    return fail('invalid_argument', `${what} is not valid TOML`, { cause })
  }
  if (document.registries !== undefined)
    fail('invalid_argument', `${what} is of version 1`, {
      hint: 'write [[registry]] tables and unqualified-search-registries',
    })
  const aliases = Object.entries(asObject(document.aliases ?? {}, `${what}: aliases`))
  return {
    registries: asArray(document.registry, `${what}: registry`).map((r, i) => ruleOf(r, `${what}: registry ${i + 1}`)),
    aliases: Object.fromEntries(aliases.map(([name, value]) => [name, asString(value, `${what}: aliases.${name}`)])),
    ...present('unqualifiedSearch', document['unqualified-search-registries'], (v) =>
      asStrings(v, `${what}: unqualified-search-registries`),
    ),
    ...present('shortNameMode', document['short-name-mode'], (v) => asString(v, `${what}: short-name-mode`)),
    ...present('credentialHelpers', document['credential-helpers'], (v) => asStrings(v, `${what}: credential-helpers`)),
  }
}

/** The main file and its drop-ins in order: scalars and lists of later ones replace, registries of the same prefix too. */
export function mergeRegistriesConf(files: readonly RegistriesConf[]): RegistriesConf {
  let merged = NO_REGISTRIES_CONF
  for (const file of files) {
    const replaced = new Set(file.registries.map((r) => r.prefix))
    merged = {
      ...merged,
      ...file,
      registries: [...merged.registries.filter((r) => !replaced.has(r.prefix)), ...file.registries],
      aliases: { ...merged.aliases, ...file.aliases },
    }
  }
  return merged
}

function present<K extends string, T>(key: K, value: unknown, read: (value: unknown) => T): { readonly [P in K]?: T } {
  return (value === undefined ? {} : { [key]: read(value) }) as { readonly [P in K]?: T }
}

function ruleOf(value: unknown, what: string): RegistryRule {
  const table = asObject(value, what)
  const location = table.location === undefined ? undefined : place(table.location, `${what}: location`)
  const prefix = table.prefix === undefined || table.prefix === '' ? location : place(table.prefix, `${what}: prefix`)
  if (prefix === undefined) return fail('invalid_argument', `${what} has neither prefix nor location`)
  const wildcard = prefix.startsWith('*.')
  if (prefix.slice(wildcard ? 2 : 0).includes('*'))
    fail('invalid_argument', `${what}: a wildcard may only be the first label: ${prefix}`)
  const mirrorByDigestOnly = flag(table['mirror-by-digest-only'], `${what}: mirror-by-digest-only`)
  const rewritten = location ?? (wildcard ? undefined : prefix)
  return {
    prefix,
    ...(rewritten === undefined ? {} : { location: rewritten }),
    insecure: flag(table.insecure, `${what}: insecure`),
    blocked: flag(table.blocked, `${what}: blocked`),
    mirrorByDigestOnly,
    mirrors: asArray(table.mirror, `${what}: mirror`).map((m, i) =>
      mirrorOf(m, mirrorByDigestOnly, `${what}: mirror ${i + 1}`),
    ),
  }
}

function mirrorOf(value: unknown, byDigestOnly: boolean, what: string): MirrorRule {
  const table = asObject(value, what)
  const pulls = table['pull-from-mirror'] ?? (byDigestOnly ? 'digest-only' : 'all')
  if (pulls !== 'all' && pulls !== 'digest-only' && pulls !== 'tag-only')
    return fail('invalid_argument', `${what}: pull-from-mirror must be all, digest-only or tag-only`)
  return {
    location: place(table.location, `${what}: location`),
    insecure: flag(table.insecure, `${what}: insecure`),
    pulls,
  }
}

function flag(value: unknown, what: string): boolean {
  if (value === undefined) return false
  return typeof value === 'boolean' ? value : fail('invalid_argument', `${what} must be true or false`)
}

function place(value: unknown, what: string): string {
  const text = asString(value, what).replace(/\/+$/, '')
  if (text.includes('://')) fail('invalid_argument', `${what} must be without a scheme: ${text.slice(0, 200)}`)
  if (text === '' || /[\s?#@]/.test(text.replace(/@sha\d+:[0-9a-f]+$/, '')))
    fail('invalid_argument', `${what} is not a registry: ${JSON.stringify(text.slice(0, 200))}`)
  return text
}
