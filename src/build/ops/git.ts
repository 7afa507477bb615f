import { join } from 'node:path'
import { fail } from '#base'
import { digestData } from '../digest.ts'
import { checkOut, keepsGitDir } from '../source/git/checkout.ts'
import { rememberCommit } from '../source/git/commits.ts'
import { Git } from '../source/git/git.ts'
import { withoutCredentials, type GitSource } from '../source/git/giturl.ts'
import { checkSum, pinnedCommit, resolveGit, type ResolvedGit } from '../source/git/resolve.ts'
import { baseOf, SourceTree } from '../source/tree.ts'
import { walk } from '../source/walk.ts'
import type { Op } from '../types.ts'
import type { GitDefinition, Stack } from './definition.ts'
import { stackOrigin } from './origin.ts'
import { contentOf } from './filecontent.ts'
import { ROOT } from './owner.ts'
import { addLayer, madeTime, type StepEnvironment } from './step.ts'
import type { LayerEntry } from './target.ts'
import { layerTar } from './writelayer.ts'

/** A repository's files at one commit: a layer. The key is the commit, so what is known is not fetched again. */
export function gitOp(def: GitDefinition, environment: StepEnvironment): Op<Stack> {
  const { host } = environment
  const { source, epoch } = def
  let resolved: ResolvedGit | undefined
  return {
    async cacheMap(call) {
      resolved =
        pinnedCommit(source) ??
        locked(source, environment) ??
        (await withGit(def, environment, (git) => resolveGit(git, source, call)))
      const { object, commit = object, ref } = resolved
      const keep = keepsGitDir(source)
      const name = source.ref === undefined ? {} : { ref: source.ref }
      environment.resolved(def, { kind: 'git', uri: withoutCredentials(source.remote), ...name, digest: commit })
      const named = keep ? { object, ref, remote: withoutCredentials(source.remote) } : {}
      const { subdir, submodules = true, mtime = 'checkout' } = source
      return { digest: digestData({ op: 'git', commit, subdir, submodules, mtime, epoch, keep, ...named }), deps: [] }
    },
    exec: (_inputs, call) =>
      withGit(def, environment, async (git) => {
        const checkout = await checkOut(git, source, resolved ?? (await resolveGit(git, source, call)), call)
        rememberCommit(host.db, checkout.commit, checkout.time)
        using tree = new SourceTree(checkout.path)
        const time = source.mtime === 'commit' ? Math.min(checkout.time, epoch ?? Infinity) : epoch
        return await addLayer(host, [], layerTar(entries(tree, def, madeTime(time)), call), call)
      }),
  }
}

/** The commit that a lock has for it; a checksum that was asked for must agree. */
function locked(source: GitSource, { host }: StepEnvironment): ResolvedGit | undefined {
  const commit = host.pins?.git(withoutCredentials(source.remote), source.ref ?? 'HEAD')
  if (commit === undefined) return undefined
  checkSum(source, [commit])
  return { object: commit }
}

/** Runs `work` with git, and an SSH agent for where the remote asks for one: that of `--ssh`, else the caller's own. */
async function withGit<T>(
  { source: { remote } }: GitDefinition,
  { scratch, secrets, ssh }: StepEnvironment,
  work: (git: Git) => Promise<T>,
): Promise<T> {
  await using cleanup = new AsyncDisposableStack()
  const git = cleanup.use(new Git({ remote, secret: (id) => secrets.get(id), directory: scratch() }))
  const { default: source } = ssh
  if (source && 'keys' in source) {
    const { serveAgent } = await import('../ssh/serve.ts')
    git.agent = join(git.directory, 'agent')
    cleanup.use(await serveAgent(source, git.agent))
  } else git.agent = source?.socket ?? process.env['SSH_AUTH_SOCK']
  return await work(git)
}

/** As git knows modes, files are 644 or 755; everything is root's. */
function* entries(
  tree: SourceTree,
  { source }: GitDefinition,
  mtime: bigint,
): Generator<readonly [path: string, entry: LayerEntry], void, void> {
  const { subdir = '' } = source
  // Not `resolve`: no symlink leads out of the part that was asked for.
  const root = tree.node(subdir)
  if (root?.type !== 'directory')
    fail('not_found', `${withoutCredentials(source.remote)} has no directory ${JSON.stringify(subdir)}`)
  const origin = stackOrigin(tree, true)
  const keep = keepsGitDir(source)
  for (const { node, below } of walk(tree, root)) {
    // A submodule's link to its repository, which is gone.
    const isDangling = !keep && node.type === 'file' && baseOf(below) === '.git'
    if (below === '' || isDangling) continue
    const common = { ...ROOT, mtime }
    const mode = node.type === 'file' && !(node.stat.mode & 0o100) ? 0o644 : 0o755
    if (node.type === 'directory') yield [below, { type: 'directory', mode, ...common }]
    else if (node.target !== undefined) yield [below, { type: 'symlink', mode: 0o777, target: node.target, ...common }]
    else if (node.type === 'file') yield [below, { type: 'file', mode, content: contentOf(origin, node), ...common }]
  }
}
