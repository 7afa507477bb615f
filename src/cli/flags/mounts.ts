import { fail } from '#base'
import type { MountRequest } from '#engine'
import { csvFields } from './csv.ts'
import { parseBytes } from './quantities.ts'

const PROPAGATION = new Set(['shared', 'slave', 'private', 'rshared', 'rslave', 'rprivate'])
/** Accepted and without effect here: SELinux labels and macOS consistency hints. */
const IGNORED = new Set(['z', 'Z', 'consistent', 'cached', 'delegated'])

/** `-v [SOURCE:]TARGET[:OPTIONS]`. A source with a slash is a host path, any other a volume's name. */
export function parseVolume(text: string, cwd: string): MountRequest {
  const parts = text.split(':')
  if (parts.length > 3 || parts.some((part) => part === ''))
    fail('invalid_argument', `invalid spec: ${text}: [SOURCE:]TARGET[:OPTIONS] is meant`)
  const [source, target, modes] =
    parts.length === 1 ? [undefined, parts[0]!, ''] : [parts[0]!, parts[1]!, parts[2] ?? '']
  if (!target.startsWith('/'))
    fail('invalid_argument', `invalid volume ${JSON.stringify(text)}: the path in the container must be absolute`)
  if (/^\/+$/.test(target)) fail('invalid_argument', `invalid volume ${JSON.stringify(text)}: the target can't be '/'`)
  let access: string | undefined
  let nocopy = false
  let propagation: string | undefined
  for (const mode of modes.split(',').filter(Boolean)) {
    if (mode === 'ro' || mode === 'rw') {
      if (access !== undefined && access !== mode)
        fail('invalid_argument', `volume ${JSON.stringify(text)}: ro and rw exclude each other`)
      access = mode
    } else if (mode === 'nocopy') nocopy = true
    else if (PROPAGATION.has(mode)) propagation = mode
    else if (!IGNORED.has(mode))
      fail('invalid_argument', `invalid mode ${JSON.stringify(mode)} in volume ${JSON.stringify(text)}`)
  }
  const readonly = access === 'ro'
  const common = { target, readonly, ...(nocopy ? { nocopy } : {}), ...(propagation ? { propagation } : {}) }
  if (source === undefined) return { type: 'volume', ...common }
  if (source.startsWith('/')) return { type: 'bind', source, createSource: true, ...common }
  if (
    source === '.' ||
    source === '..' ||
    source.startsWith('./') ||
    source.startsWith('../') ||
    source === '~' ||
    source.startsWith('~/')
  ) {
    const from = source.startsWith('~') ? (process.env['HOME'] ?? '/root') + source.slice(1) : `${cwd}/${source}`
    return { type: 'bind', source: from, createSource: true, ...common }
  }
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(source))
    fail('invalid_argument', `${JSON.stringify(source)} includes invalid characters for a local volume name`, {
      hint: 'a volume name has letters, digits, _ . and -; for a host directory give an absolute path or ./path',
    })
  return { type: 'volume', source, ...common }
}

/** Members that go with one type of mount alone, by how their names begin. */
const OF_ONE_TYPE = /^(bind|volume|tmpfs)-/

/** `--mount type=bind,source=…,target=…`: comma-separated members, quoted as CSV where they hold commas. */
export function parseMount(text: string, cwd: string): MountRequest {
  const invalid = (what: string): never => fail('invalid_argument', `invalid mount ${JSON.stringify(text)}: ${what}`)
  const members = membersOf(text)
  const take = (...names: readonly string[]): string | undefined => {
    for (const name of names) {
      const value = members.get(name)
      if (value !== undefined && members.delete(name)) return value
    }
    return undefined
  }
  const flag = (...names: readonly string[]): boolean => {
    const value = take(...names)
    if (value === undefined || value === '' || /^(1|t|true)$/i.test(value)) return value !== undefined
    return /^(0|f|false)$/i.test(value) ? false : invalid(`${names[0]} is true or false, not ${JSON.stringify(value)}`)
  }
  const type = take('type') ?? 'volume'
  if (type !== 'bind' && type !== 'volume' && type !== 'tmpfs')
    fail('unimplemented', `invalid mount type ${JSON.stringify(type)}: bind, volume or tmpfs is meant`)
  for (const name of members.keys()) {
    const only: string = OF_ONE_TYPE.exec(name)?.[1] ?? type
    if (only !== type) invalid(`${name} is for mounts of type ${only}, not ${type}`)
  }
  const target = take('target', 'destination', 'dst')
  if (!target?.startsWith('/')) return invalid('target must be an absolute path')
  const source = take('source', 'src')
  const readonly = flag('readonly', 'ro')
  const propagation = take('bind-propagation')
  const nocopy = flag('volume-nocopy')
  const tmpfs = tmpfsOptions(take('tmpfs-size'), take('tmpfs-mode'))
  const consistency = take('consistency')
  if (consistency !== undefined && consistency !== 'default' && !IGNORED.has(consistency))
    invalid(`unknown consistency ${JSON.stringify(consistency)}`)
  const [unknown] = members.keys()
  if (unknown !== undefined) fail('unimplemented', `--mount: ${unknown} is not supported`)
  if (type === 'bind' && !source) invalid('source is missing')
  if (type === 'tmpfs' && source) invalid('a tmpfs has no source')
  return {
    type,
    target,
    readonly,
    ...(source ? { source: type === 'bind' && !source.startsWith('/') ? `${cwd}/${source}` : source } : {}),
    ...(propagation ? { propagation } : {}),
    ...(nocopy ? { nocopy } : {}),
    ...(tmpfs ? { tmpfsOptions: tmpfs } : {}),
  }
}

/** Their names are lower case, however they are written. */
function membersOf(text: string): Map<string, string> {
  const members = new Map<string, string>()
  for (const field of csvFields(text)) {
    const equals = field.indexOf('=')
    members.set((equals < 0 ? field : field.slice(0, equals)).toLowerCase(), equals < 0 ? '' : field.slice(equals + 1))
  }
  return members
}

/** `--tmpfs TARGET[:OPTIONS]`. */
export function parseTmpfs(text: string): MountRequest {
  const colon = text.indexOf(':')
  const target = colon < 0 ? text : text.slice(0, colon)
  if (!target.startsWith('/'))
    fail('invalid_argument', `invalid tmpfs ${JSON.stringify(text)}: the path must be absolute`)
  return { type: 'tmpfs', target, ...(colon < 0 ? {} : { tmpfsOptions: text.slice(colon + 1) }) }
}

function tmpfsOptions(size: string | undefined, mode: string | undefined): string {
  const parts = size === undefined ? [] : [`size=${parseBytes(size, 'tmpfs-size')}`]
  return [...parts, ...(mode === undefined ? [] : [`mode=${mode}`])].join(',')
}
