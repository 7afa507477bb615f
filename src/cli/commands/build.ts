import { writeFileSync } from 'node:fs'
import { fail, text } from '#base'
import { command, type Command } from '../command.ts'
import { pairs } from '../flags/environment.ts'
import { readInput } from '../input.ts'
import { print } from '../output.ts'
import { renderer, type RendererName } from '../progress/renderer.ts'
import { isTerminal } from '../terminal.ts'

const RENDERERS = ['auto', 'plain', 'tty', 'quiet', 'rawjson'] as const

export const build: Command = command({
  usage: '[OPTIONS] PATH',
  summary: 'Build an image from a Dockerfile',
  options: {
    'build-arg': { type: 'string', multiple: true, help: 'Set build-time variables' },
    file: { type: 'string', short: 'f', help: 'Name of the Dockerfile (default: PATH/Dockerfile)', complete: 'file' },
    iidfile: { type: 'string', help: 'Write the image ID to a file', complete: 'file' },
    label: { type: 'string', multiple: true, help: 'Set metadata for an image' },
    network: {
      type: 'string',
      help: 'Set the networking mode for the RUN instructions during build',
      complete: ['default', 'none', 'host'],
    },
    'no-cache': { type: 'boolean', help: 'Do not use cache when building the image' },
    platform: { type: 'string', help: 'Set target platform for build (that of this host)' },
    progress: {
      type: 'string',
      help: 'Set type of progress output (auto, quiet, plain, tty, rawjson)',
      complete: RENDERERS,
    },
    pull: { type: 'boolean', help: 'Always attempt to pull all referenced images' },
    quiet: { type: 'boolean', short: 'q', help: 'Suppress the build output and print image ID on success' },
    tag: { type: 'string', short: 't', multiple: true, help: 'Name and optionally a tag (format: name:tag)' },
    target: { type: 'string', help: 'Set the target build stage to build' },
    // What scripts pass to docker out of habit, and what is always so here.
    load: { type: 'boolean', help: 'Accepted: the image is always in the local store' },
    rm: { type: 'boolean', help: 'Accepted: steps never leave containers' },
    'force-rm': { type: 'boolean', help: 'Accepted: steps never leave containers' },
  },
  refused: Object.fromEntries(
    [
      'add-host',
      'allow',
      'annotation',
      'attest',
      'build-context',
      'builder',
      'cache-from',
      'cache-to',
      'call',
      'check',
      'cgroup-parent',
      'isolation',
      'memory',
      'metadata-file',
      'no-cache-filter',
      'output',
      'policy',
      'provenance',
      'push',
      'sbom',
      'secret',
      'security-opt',
      'shm-size',
      'squash',
      'ssh',
      'ulimit',
      'cpu-period',
      'cpu-quota',
      'cpu-shares',
      'cpuset-cpus',
    ].map((name) => [name, '']),
  ),
  min: 1,
  max: 1,
  completes: 'directory',
  run: async (context, values, [path]) => {
    const network = values.network === 'bridge' ? 'default' : (values.network ?? 'default')
    if (network !== 'default' && network !== 'none' && network !== 'host')
      fail('unimplemented', `--network ${network} is not supported for builds`, { hint: 'default, none or host' })
    if (path === '-')
      fail('unimplemented', 'a build context on standard input is not supported', {
        hint: 'unpack it, and give its directory',
      })
    if (/^(https?|git|ssh):|^git@|\.git(#|$)/.test(path!))
      fail('unimplemented', `a remote build context is not supported: ${path}`, {
        hint: 'clone it, and give its directory',
      })
    const fromInput = values.file === '-'
    const node = await context.node()
    using progress = renderer(choose(values))
    const built = await node.images.build(
      {
        context: path!,
        ...(values.file === undefined || fromInput ? {} : { dockerfile: values.file }),
        ...(fromInput ? { dockerfileText: await standardInput() } : {}),
        tags: values.tag ?? [],
        ...(values.target === undefined ? {} : { target: values.target }),
        ...(values.platform === undefined ? {} : { platform: values.platform }),
        buildArgs: buildArguments(values['build-arg'] ?? []),
        labels: pairs(values.label ?? []),
        network,
        noCache: values['no-cache'] === true,
        pull: values.pull === true,
      },
      { signal: context.signal, progress: progress.report },
    )
    progress.end()
    if (values.iidfile !== undefined) writeFileSync(values.iidfile, built.id)
    if (values.quiet || values.progress === 'quiet') print(built.id)
  },
})

function choose(values: { readonly quiet?: boolean; readonly progress?: string }): RendererName {
  if (values.quiet) return 'quiet'
  const asked = values.progress ?? process.env['BUILDKIT_PROGRESS'] ?? 'auto'
  if (!(RENDERERS as readonly string[]).includes(asked))
    fail('invalid_argument', `invalid progress mode ${JSON.stringify(asked)}`, { hint: RENDERERS.join(', ') })
  return asked === 'auto'
    ? isTerminal(2) && process.env['TERM'] !== 'dumb'
      ? 'tty'
      : 'plain'
    : (asked as RendererName)
}

/** `NAME=value`, or `NAME` for the caller's own value; one that the caller lacks is left out. */
function buildArguments(given: readonly string[]): Record<string, string> {
  return pairs(
    given.flatMap((item) => {
      if (item.includes('=')) return [item]
      const value = process.env[item]
      return value === undefined ? [] : [`${item}=${value}`]
    }),
  )
}

async function standardInput(): Promise<string> {
  const { collect } = await import('#base')
  return text(await collect(readInput('-'), 16 << 20))
}
