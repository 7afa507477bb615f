import { fail } from '#base'
import type { MountOwner, SecretMount, SshMount, StepMount } from '../../ops/definition.ts'
import { cleanPath } from '../../source/cleanpath.ts'
import { baseOf } from '../../source/tree.ts'
import { parseRunMount, type RunMount } from '../runmount.ts'
import type { CopyFrom } from './copy.ts'
import type { LayerContext } from './files.ts'

/** One `--mount` as the step's definition has it; `from` is what it reads, if anything. */
export function planMount(text: string, from: CopyFrom | undefined, context: LayerContext): StepMount {
  const mount = parseRunMount(text, (word) => context.expand(word))
  const absolute = (path: string): string => inStep(path, context)
  const source = cleanPath(`/${mount.source ?? ''}`)
  const { readonly } = mount
  const read = from && ('tree' in from ? { tree: from.tree } : { input: true as const })
  switch (mount.type) {
    case 'bind':
      return { type: 'bind', target: mountPoint(mount, context), source, readonly, ...read }
    case 'cache':
      return {
        type: 'cache',
        target: mountPoint(mount, context),
        id: mount.id || posixClean(mount.target ?? ''),
        namespace: context.steps.cacheNamespace,
        sharing: mount.sharing ?? 'shared',
        source,
        readonly,
        ...read,
        ...ownerOf(mount),
      }
    case 'tmpfs':
      return {
        type: 'tmpfs',
        target: mountPoint(mount, context),
        readonly,
        ...(mount.size ? { size: mount.size } : {}),
      }
    case 'secret':
      return secret(mount, absolute)
    case 'ssh':
      return ssh(mount, absolute)
  }
}

function secret(mount: RunMount, absolute: (path: string) => string): SecretMount {
  const id = mount.source || mount.id || baseOf(mount.target ?? '')
  const target = mount.target || (mount.env === undefined ? `/run/secrets/${baseOf(id)}` : undefined)
  return {
    type: 'secret',
    id,
    required: mount.required,
    ...(target === undefined ? {} : { target: absolute(target) }),
    ...(mount.env === undefined ? {} : { env: mount.env || id }),
    ...ownerOf(mount),
  }
}

function ssh(mount: RunMount, absolute: (path: string) => string): SshMount {
  const id = mount.id || 'default'
  // BuildKit numbers the sockets of a step; one for each id is as good, and needs no counting.
  const target = absolute(mount.target || `/run/buildkit/ssh_agent.${id === 'default' ? '0' : id}`)
  return { type: 'ssh', id, target, required: mount.required, ...ownerOf(mount) }
}

function ownerOf({ mode, uid, gid }: RunMount): MountOwner {
  return {
    ...(mode === undefined ? {} : { mode }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  }
}

function mountPoint({ target = '' }: RunMount, context: LayerContext): string {
  const path = inStep(target, context)
  if (path === '/') fail('invalid_argument', `invalid mount target ${JSON.stringify(target || '/')}`)
  return path
}

/** A relative target is below the working directory. */
function inStep(path: string, { state }: LayerContext): string {
  return cleanPath(path.startsWith('/') ? path : `${state.config.WorkingDir || '/'}/${path}`)
}

/** The id of a cache without one: its target as written, cleaned. */
function posixClean(path: string): string {
  return path.startsWith('/') ? cleanPath(path) : cleanPath(`/${path}`).slice(1) || '.'
}
