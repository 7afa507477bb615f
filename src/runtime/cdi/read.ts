/** What a device changes of a container. */
export interface ContainerEdits {
  readonly env: readonly string[]
  readonly deviceNodes: readonly DeviceNode[]
  readonly mounts: readonly CdiMount[]
  readonly hooks: readonly CdiHook[]
  readonly additionalGids: readonly number[]
}

export interface DeviceNode {
  /** In the container. */
  readonly path: string
  /** On this machine; default the same. What is not said is as it is there. */
  readonly hostPath?: string
  readonly type?: string
  readonly major?: number
  readonly minor?: number
  readonly fileMode?: number
  readonly permissions?: string
  readonly uid?: number
  readonly gid?: number
}

export interface CdiMount {
  readonly hostPath: string
  readonly containerPath: string
  readonly type?: string
  readonly options?: readonly string[]
}

export interface CdiHook {
  readonly hookName: string
  readonly path: string
  readonly args?: readonly string[]
  readonly env?: readonly string[]
  readonly timeout?: number
}

export interface CdiDevice {
  /** `vendor.com/class=name`. */
  readonly name: string
  readonly annotations: Readonly<Record<string, string>>
  /** The file's, then the device's own. */
  readonly edits: readonly ContainerEdits[]
}

const HOOKS = ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'] as const

const KIND = /^[A-Za-z][\w.-]*\/[A-Za-z][\w-]*$/
const NAME = /^[A-Za-z0-9](?:[\w.:-]*[A-Za-z0-9])?$/

type Members = Readonly<Record<string, unknown>>

/** A file's devices; an `Error` says what is wrong with it. */
export function readSpec(document: unknown): CdiDevice[] {
  const spec = object(document, 'the file')
  const kind = text(spec['kind'], 'kind')
  if (!/^\d+\.\d+\.\d+/.test(text(spec['cdiVersion'], 'cdiVersion'))) throw new Error('cdiVersion is no version')
  if (!KIND.test(kind)) throw new Error(`${JSON.stringify(kind)} is no kind of device: vendor.com/class`)
  const common = spec['containerEdits'] === undefined ? [] : [editsOf(spec['containerEdits'], 'containerEdits')]
  const annotations = texts(spec['annotations'])
  return list(spec['devices'], 'devices').map((item) => {
    const device = object(item, 'a device')
    const name =
      typeof device['name'] === 'number' ? String(device['name']) : text(device['name'], 'the name of a device')
    if (!NAME.test(name)) throw new Error(`${JSON.stringify(name)} is no name of a device`)
    const own = device['containerEdits'] === undefined ? [] : [editsOf(device['containerEdits'], name)]
    return {
      name: `${kind}=${name}`,
      annotations: { ...annotations, ...texts(device['annotations']) },
      edits: [...common, ...own],
    }
  })
}

function editsOf(value: unknown, where: string): ContainerEdits {
  const edits = object(value, where)
  for (const later of ['intelRdt', 'netDevices'])
    if (edits[later] !== undefined) throw new Error(`${where}: ${later} is not supported`)
  return {
    env: list(edits['env'], `${where}.env`).map((item) => {
      const variable = text(item, `${where}.env`)
      if (!/^[^=]+=/.test(variable)) throw new Error(`${where}.env: ${JSON.stringify(variable)} is no NAME=value`)
      return variable
    }),
    deviceNodes: list(edits['deviceNodes'], `${where}.deviceNodes`).map((item) => nodeOf(object(item, where), where)),
    mounts: list(edits['mounts'], `${where}.mounts`).map((item) => {
      const mount = object(item, `${where}.mounts`)
      return {
        hostPath: text(mount['hostPath'], `${where}: a mount's hostPath`),
        containerPath: absolute(mount['containerPath'], `${where}: a mount's containerPath`),
        ...optional('type', mount['type'], text),
        ...optional('options', mount['options'], words),
      }
    }),
    hooks: list(edits['hooks'], `${where}.hooks`).map((item) => {
      const hook = object(item, `${where}.hooks`)
      const hookName = text(hook['hookName'], `${where}: a hook's hookName`)
      if (!HOOKS.some((known) => known === hookName)) throw new Error(`${where}: there is no hook ${hookName}`)
      return {
        hookName,
        path: absolute(hook['path'], `${where}: a hook's path`),
        ...optional('args', hook['args'], words),
        ...optional('env', hook['env'], words),
        ...optional('timeout', hook['timeout'], number),
      }
    }),
    additionalGids: list(edits['additionalGids'], `${where}.additionalGids`)
      .map((item) => number(item, `${where}.additionalGids`))
      .filter((gid) => gid > 0),
  }
}

function nodeOf(node: Members, where: string): DeviceNode {
  const permissions = optional('permissions', node['permissions'], text)
  if (!/^[rwm]{0,3}$/.test(permissions.permissions ?? ''))
    throw new Error(`${where}: invalid permissions ${permissions.permissions}`)
  return {
    path: absolute(node['path'], `${where}: a device node's path`),
    ...optional('hostPath', node['hostPath'], absolute),
    ...optional('type', node['type'], text),
    ...optional('major', node['major'], number),
    ...optional('minor', node['minor'], number),
    ...optional('fileMode', node['fileMode'], number),
    ...permissions,
    ...optional('uid', node['uid'], number),
    ...optional('gid', node['gid'], number),
  }
}

function optional<K extends string, T>(
  name: K,
  value: unknown,
  read: (value: unknown, where: string) => T,
): { readonly [P in K]?: T } {
  return (value === undefined || value === null ? {} : { [name]: read(value, name) }) as { readonly [P in K]?: T }
}

function object(value: unknown, where: string): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${where} is no object`)
  return value as Members
}

function list(value: unknown, where: string): readonly unknown[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw new Error(`${where} is no list`)
  return value as readonly unknown[]
}

function words(value: unknown, where: string): readonly string[] {
  return list(value, where).map((item) => text(item, where))
}

function text(value: unknown, where: string): string {
  if (typeof value !== 'string' || value === '') throw new Error(`${where} is no text`)
  return value
}

function absolute(value: unknown, where: string): string {
  const path = text(value, where)
  if (!path.startsWith('/')) throw new Error(`${where} is not absolute: ${path}`)
  return path
}

function number(value: unknown, where: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new Error(`${where} is no number`)
  return value as number
}

function texts(value: unknown): Record<string, string> {
  return value === undefined || value === null
    ? {}
    : Object.fromEntries(Object.entries(object(value, 'annotations')).map(([key, item]) => [key, String(item)]))
}
