import { fail } from '#base'
import { nearest } from './nearest.ts'

const TYPES = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'] as const
const SHARING = ['shared', 'private', 'locked'] as const

export type MountType = (typeof TYPES)[number]
/** What a second user of a cache mount does: join in, take another directory, wait. */
export type CacheSharing = (typeof SHARING)[number]

/** `RUN --mount=…`, read. */
export interface RunMount {
  readonly type: MountType
  readonly from?: string
  readonly source?: string
  readonly target?: string
  readonly readonly: boolean
  /** Of a tmpfs, bytes. */
  readonly size?: number
  readonly id?: string
  readonly sharing?: CacheSharing
  readonly required: boolean
  /** The variable that a secret becomes; empty for one called like its id. */
  readonly env?: string
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
}

const KEYS: readonly string[] =
  'type from source target readonly readwrite id sharing required size mode uid gid env'.split(' ')

/** Other spellings of a key. */
const SYNONYMS: Readonly<Record<string, string>> = {
  src: 'source',
  dst: 'target',
  destination: 'target',
  ro: 'readonly',
  rw: 'readwrite',
}

interface Member {
  readonly key: string
  readonly value: string | undefined
  /** As written. */
  readonly field: string
}

/** What a mount reads: the stage, image or context that `from=` names, in which nothing is expanded. */
export function mountFrom(text: string): string | undefined {
  const from = members(text).findLast(({ key }) => key === 'from')?.value
  if (from !== undefined && /\$./.test(from))
    fail('invalid_argument', "'from' doesn't support variable expansion, define alias stage instead", {
      hint: 'write FROM $IMAGE AS name, then from=name',
    })
  return from || undefined
}

/** Its type, as far as no variable hides it. */
export function mountType(text: string): string {
  return (
    members(text)
      .findLast(({ key }) => key === 'type')
      ?.value?.toLowerCase() ?? 'bind'
  )
}

/** Reads a mount; variables in its values are expanded, `from` excepted. */
export function parseRunMount(text: string, expand: (word: string) => string): RunMount {
  const from = mountFrom(text)
  const all = members(text).map((member) =>
    member.value === undefined || member.key === 'from' ? member : { ...member, value: expand(member.value) },
  )
  const type = readType(all.findLast(({ key }) => key === 'type')?.value)
  let mount: RunMount = { type, readonly: type !== 'cache' && type !== 'tmpfs', required: false, ...(from && { from }) }
  for (const member of all) mount = { ...mount, ...readMember(type, member) }
  check(mount)
  return mount
}

function readMember(type: MountType, { key, value, field }: Member): Partial<RunMount> {
  const unexpected = (): never => fail('invalid_argument', `unexpected key '${key}' for mount type '${type}'`)
  if (key === 'required') return type === 'secret' || type === 'ssh' ? { required: flag(key, value) } : unexpected()
  if (key === 'readonly') return { readonly: flag(key, value) }
  if (key === 'readwrite') return { readonly: !flag(key, value) }
  if (!KEYS.includes(key)) unknownKey(key, field)
  if (value === undefined) fail('invalid_argument', `invalid field '${field}' must be a key=value pair`)
  switch (key) {
    case 'size':
      return type === 'tmpfs' ? { size: bytes(value) } : unexpected()
    case 'sharing':
      return { sharing: readSharing(value) }
    case 'mode':
      return { mode: number(key, value, 8) }
    case 'uid':
      return { uid: number(key, value, 10) }
    case 'gid':
      return { gid: number(key, value, 10) }
    case 'id':
    case 'source':
    case 'target':
    case 'env':
      return { [key]: value }
    default:
      return {}
  }
}

/** What does not go together. */
function check(mount: RunMount): void {
  const { type, id, source, target, env } = mount
  const isOwned = mount.mode !== undefined || mount.uid !== undefined || mount.gid !== undefined
  if (isOwned && (type === 'bind' || type === 'tmpfs'))
    fail('invalid_argument', `mode, uid and gid are not allowed for ${type} mounts`)
  if (mount.sharing !== undefined && type !== 'cache')
    fail('invalid_argument', `sharing is for cache mounts, not for ${type} mounts`)
  if (env !== undefined && type !== 'secret')
    fail('invalid_argument', `env is for secret mounts, not for ${type} mounts`)
  if (type === 'ssh' && source !== undefined) fail('invalid_argument', 'ssh mounts have no source')
  if (type !== 'secret') return
  if (mount.from !== undefined) fail('invalid_argument', 'secret mount should not have a from')
  if (!source && !target && !id)
    fail('invalid_argument', 'invalid secret mount. one of source, target required', { hint: 'name the secret: id=…' })
  if (source && id) fail('invalid_argument', "both source and id can't be set")
}

function members(text: string): Member[] {
  return csvFields(text).map((field) => {
    const equals = field.indexOf('=')
    const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase()
    const value = equals < 0 ? undefined : field.slice(equals + 1)
    return { key: SYNONYMS[key] ?? key, value, field }
  })
}

/** One CSV record: fields that hold commas stand in double quotes, which are doubled inside. */
function csvFields(text: string): string[] {
  const fields: string[] = []
  const pattern = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y
  while (pattern.lastIndex <= text.length) {
    const match = pattern.exec(text)
    if (!match) fail('invalid_argument', `invalid mount ${JSON.stringify(text)}: a quote is out of place`)
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2]!)
    if (match[3] === '') break
  }
  return fields
}

function readType(value: string | undefined): MountType {
  const type = (value ?? 'bind').toLowerCase()
  return TYPES.find((known) => known === type) ?? unsupported('mount type', value ?? '', TYPES)
}

function readSharing(value: string): CacheSharing {
  return SHARING.find((known) => known === value.toLowerCase()) ?? unsupported('sharing value', value, SHARING)
}

function unsupported(what: string, value: string, known: readonly string[]): never {
  fail('invalid_argument', `unsupported ${what} ${JSON.stringify(value)}`, { hint: `use ${known.join(', ')}` })
}

function unknownKey(key: string, field: string): never {
  const close = nearest(key, [...KEYS, ...Object.keys(SYNONYMS)])
  const details = close === undefined ? {} : { hint: `did you mean ${close}?` }
  fail('invalid_argument', `unexpected key '${key}' in '${field}'`, details)
}

function flag(key: string, value: string | undefined): boolean {
  if (value === undefined || /^(?:1|t|true)$/i.test(value)) return true
  if (/^(?:0|f|false)$/i.test(value)) return false
  return fail('invalid_argument', `invalid value for ${key}: ${value}`, { hint: 'use true or false' })
}

function number(key: string, value: string, base: 8 | 10): number {
  const parsed = (base === 8 ? /^[0-7]+$/ : /^\d+$/).test(value) ? Number.parseInt(value, base) : Number.NaN
  if (!(parsed <= 0xffffffff)) fail('invalid_argument', `invalid value ${value} for ${key}`)
  return parsed
}

const POWERS = 'bkmgtp'

function bytes(value: string): number {
  const [, count, unit = 'b'] = /^(\d+(?:\.\d+)?) ?(?:([kmgtp])i?b?|b)?$/i.exec(value) ?? []
  if (count === undefined) fail('invalid_argument', `invalid value for size: ${value}`, { hint: 'write it like 64m' })
  return Math.floor(Number(count) * 1024 ** POWERS.indexOf(unit.toLowerCase()))
}
