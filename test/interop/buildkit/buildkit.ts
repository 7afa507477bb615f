import { existsSync, mkdirSync, readFileSync, rmSync, watch } from 'node:fs'
import { join } from 'node:path'
import { openLayout } from '#content'
import { MediaType, type Descriptor, type Digest } from '#oci'
import { goTools, run } from '#testkit'
import type { Case } from './cases.ts'
import { describeImage, saidText, type Outcome } from './outcome.ts'

export const VERSION = 'v0.32.2'

export interface BuildKit extends AsyncDisposable {
  /** Builds a case whose context is at `context`; every member of the image, or what it said when it failed. */
  build(test: Case, context: string): Promise<Outcome>
}

/** Binaries of the daemon and its client; undefined where Go cannot build them. */
export function buildkitBinaries(): Promise<readonly string[] | undefined> {
  return goTools('github.com/moby/buildkit', VERSION, ['cmd/buildkitd', 'cmd/buildctl'])
}

/** A private daemon below `directory`, which must be on a real file system. */
export async function startBuildkit(
  [daemon, client]: readonly string[],
  directory: string,
  bases: { readonly layout: string; readonly manifests: ReadonlyMap<string, Descriptor> },
): Promise<BuildKit> {
  const address = `unix://${join(directory, 'buildkitd.sock')}`
  // Its mount points are temporary directories, some of which it forgets.
  const temporary = join(directory, 'tmp')
  mkdirSync(temporary, { recursive: true })
  const child = Bun.spawn(
    [daemon!, '--root', join(directory, 'data'), '--addr', address, '--containerd-worker=false', ...ENTITLEMENTS],
    {
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: Bun.file(join(directory, 'log')),
      env: { ...process.env, TMPDIR: temporary },
    },
  )
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await child.exited
    await run(['sh', '-c', `grep -o '${directory}[^ ]*' /proc/mounts | sort -r | xargs -r umount -l`])
    rmSync(directory, { recursive: true, force: true })
  }
  if (!(await Promise.race([appears(directory, 'buildkitd.sock'), child.exited.then(() => false)])))
    throw new Error(`buildkitd ended: ${readFileSync(join(directory, 'log'), 'utf8').slice(-2000)}`)
  const named = [...bases.manifests].flatMap(([name, { digest }]) => [
    '--opt',
    `context:${name}=oci-layout://bases@${digest}`,
  ])
  let count = 0
  return {
    async build(test, context) {
      const metadata = join(directory, `metadata-${++count}`)
      const output = join(directory, `built-${count}`)
      const { code, stdout, stderr } = await run(
        [client!, '--addr', address, 'build', '--progress', 'plain', '--frontend', 'dockerfile.v0']
          .concat(['--local', 'context=.', '--local', 'dockerfile=.', '--metadata-file', metadata])
          // A frontend that is told of a command line does not look for the one that `# syntax` names.
          .concat(['--opt', 'cmdline=builtin', '--oci-layout', `bases=${bases.layout}`, ...named])
          .concat(
            test.call
              ? ['--opt', `requestid=frontend.${REQUESTS[test.call] ?? test.call}`]
              : ['--output', `type=oci,dest=${output},tar=false,compression=uncompressed`],
          )
          .concat(clientArgs(test.args)),
        { cwd: context },
      )
      if (code === 0 && test.call) return { said: saidText(stdout) }
      if (code !== 0 || !existsSync(metadata)) return { error: stderr.split('\n').slice(-30).join('\n') }
      const written = JSON.parse(readFileSync(metadata, 'utf8')) as Record<string, unknown>
      const digest = written['containerimage.digest'] as Digest
      const { size } = written['containerimage.descriptor'] as Descriptor
      const built = await describeImage(openLayout(output), { mediaType: MediaType.ociManifest, digest, size })
      rmSync(output, { recursive: true })
      return built
    },
    [Symbol.asyncDispose]: stop,
  }
}

const REQUESTS: Readonly<Record<string, string>> = { check: 'lint' }

/** Resolves with true when the directory has the file. */
function appears(directory: string, name: string): Promise<true> {
  const { promise, resolve } = Promise.withResolvers<true>()
  const look = (): void => void (existsSync(join(directory, name)) && resolve(true))
  const watcher = watch(directory, look)
  look()
  return promise.finally(() => watcher.close())
}

const ENTITLEMENTS = [
  '--allow-insecure-entitlement',
  'network.host',
  '--allow-insecure-entitlement',
  'security.insecure',
]

/** Flags of `cairn build` in buildctl's words; each takes a value. */
const WORDS: Readonly<Record<string, (value: string) => readonly string[]>> = {
  '-f': (value) => ['--opt', `filename=${value}`],
  '--build-arg': (value) => ['--opt', `build-arg:${value}`],
  '--label': (value) => ['--opt', `label:${value}`],
  '--target': (value) => ['--opt', `target=${value}`],
  '--platform': (value) => ['--opt', `platform=${value}`],
  '--network': (value) => ['--opt', `force-network-mode=${value}`, '--allow', 'network.host'],
  '--add-host': (value) => ['--opt', `add-hosts=${value.replace(':', '=')}`],
  '--build-context': (value) => {
    const [name, source = ''] = value.split(/=(.*)/s)
    if (/^(docker-image|oci-layout|https?|git):/.test(source)) return ['--opt', `context:${name}=${source}`]
    return ['--local', `${name}=${source}`, '--opt', `context:${name}=local:${name}`]
  },
  '--secret': (value) => ['--secret', value],
  '--ssh': (value) => ['--ssh', value],
  '--shm-size': (value) => ['--opt', `shm-size=${value}`],
  '--ulimit': (value) => ['--opt', `ulimit=${value}`],
  '--allow': (value) => ['--allow', value],
}

function clientArgs(args: readonly string[]): string[] {
  const out: string[] = []
  for (let i = 0; i < args.length; i++) {
    const flag = args[i]!
    const [name = '', inline] = flag.split(/=(.*)/s)
    const words = WORDS[name]
    if (!words) throw new Error(`a case has ${flag}, which the harness cannot say to buildctl yet: add it to WORDS`)
    out.push(...words(inline ?? args[++i] ?? ''))
  }
  return out
}
