import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { CairnError, streamOf, text, type Progress, type SourceLocation } from '#base'
import { build, openCacheMounts, type BuildHost, type BuildOptions, type BuildResult, type StepReason } from '#build'
import { readTar } from '#codec'
import { acquireLease, openDatabase, openLocalStore, unionProvider } from '#content'
import { importImage, openImage } from '#image'
import { hostPlatform, MediaType, type Descriptor, type ImageConfig, type ProcessConfig } from '#oci'
import { findRuntime } from '#runtime'
import { createSnapshotter, differ, openLayerStore, probeFormat } from '#snapshot'
import { busyboxRootfs } from './fixtures.ts'

/** One build for the lab's process to do. */
export interface LabBuild extends Omit<BuildOptions, 'context' | 'contextStream' | 'dockerfileBytes'> {
  readonly context: string
  /** A file that is the stream of a context `-`. */
  readonly stream?: string
  /** The Dockerfile's text; without it the context's file is read. */
  readonly text?: string
  /** Tell why steps ran. */
  readonly why?: boolean
  /** Give up after this many vertices have started. */
  readonly cancelAfter?: number
}

/** What came of it. */
export interface LabOutcome {
  readonly result?: BuildResult
  readonly config?: ImageConfig
  /** Per layer: `path type mode uid:gid mtime [-> target]`. */
  readonly layers: readonly (readonly string[])[]
  readonly error?: {
    readonly code: string
    readonly message: string
    readonly hint?: string
    readonly location?: SourceLocation
  }
  /** Names of vertices that ran, and of those that records answered. */
  readonly ran: readonly string[]
  readonly cached: readonly string[]
  readonly output: string
  readonly warnings: readonly string[]
  readonly why: readonly StepReason[]
  readonly milliseconds: number
}

/** A store in which builds are done, each list of them in a process of its own, with `busybox` as an image. */
export interface BuildLab extends AsyncDisposable {
  readonly dir: string
  /** Makes a context from a map of paths to contents. */
  context(files: Readonly<Record<string, string | Uint8Array>>): string
  build(...builds: readonly LabBuild[]): Promise<LabOutcome[]>
  /**
   * Starts a build and kills its process, without a chance to clean up, once its n-th RUN is under way; `begun` is a
   * file that the step makes where the runtime's state is out of sight.
   */
  kill(build: LabBuild, nth: number, begun?: string): Promise<void>
  /** What a build may not leave behind. */
  leftovers(): string[]
}

export async function buildLab(image: ProcessConfig = { Cmd: ['sh'] }): Promise<BuildLab> {
  const dir = mkdtempSync('/var/tmp/cairn-build-')
  const rootfs = await busyboxRootfs()
  writeFileSync(join(dir, 'lab.json'), JSON.stringify({ rootfs, image }))
  let contexts = 0
  const start = (...builds: readonly LabBuild[]): Bun.Subprocess<Buffer, 'pipe', 'inherit'> =>
    Bun.spawn([process.execPath, import.meta.path, dir], {
      stdin: Buffer.from(JSON.stringify(builds)),
      stdout: 'pipe',
      stderr: 'inherit',
      // As it is now: a test may have changed it.
      env: { ...process.env },
    })
  return {
    dir,
    context(files) {
      const context = join(dir, `context-${contexts++}`)
      mkdirSync(context)
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(join(context, path, '..'), { recursive: true })
        writeFileSync(join(context, path), content)
      }
      return context
    },
    async build(...builds) {
      const child = start(...builds)
      const output = await new Response(child.stdout).text()
      if ((await child.exited) !== 0)
        throw new Error(`the build process ended with ${child.exitCode ?? child.signalCode}`)
      return JSON.parse(output) as LabOutcome[]
    },
    async kill(request, nth, begun) {
      const before = stepsOf(dir).length
      const child = start(request)
      const runtime = findRuntime(undefined, { run: join(dir, 'run') })
      for (;;) {
        if (child.exitCode !== null) throw new Error('the build ended before a step ran')
        const id = stepsOf(dir)[before + nth - 1]
        const isRunning = async (step: string): Promise<boolean> =>
          begun === undefined
            ? (await runtime.state(step))?.status === 'running'
            : existsSync(join(dir, 'work', step, 'upper', begun))
        if (id !== undefined && (await isRunning(id))) break
        await Bun.sleep(1)
      }
      child.kill(9)
      await child.exited
    },
    leftovers: () => [
      ...readFileSync('/proc/self/mounts', 'utf8')
        .split('\n')
        .filter((line) => line.includes(dir)),
      ...(existsSync(join(dir, 'work')) ? readdirSync(join(dir, 'work')) : []),
      ...stepsOf(dir).flatMap(cgroupsOf),
    ],
    [Symbol.asyncDispose]: async () => rmSync(dir, { recursive: true, force: true }),
  }
}

/** The containers that builds here have run. */
function stepsOf(dir: string): string[] {
  const file = join(dir, 'steps')
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []
}

function cgroupsOf(id: string): string[] {
  return ['', 'pids', 'memory']
    .map((at) => join('/sys/fs/cgroup', at, `cairn-${id}`))
    .filter((path) => existsSync(path))
}

// --- in the process

interface Opened {
  readonly host: BuildHost
  readonly content: ReturnType<typeof unionProvider>
}

async function open(dir: string): Promise<Opened> {
  const db = openDatabase(join(dir, 'cairn.db'))
  const run = join(dir, 'run')
  const content = openLocalStore({ root: dir, db })
  const layers = openLayerStore({ root: dir, run, db, format: probeFormat({ root: dir, run }) })
  const both = unionProvider(content, layers)
  const lease = acquireLease(db, 'build lab')
  const base = await busybox(dir, layers, content)
  writeFileSync(join(dir, 'hosts'), '127.0.0.1 localhost\n')
  writeFileSync(join(dir, 'resolv.conf'), 'nameserver 192.0.2.1\n')
  writeFileSync(join(dir, 'hostname'), 'step\n')
  const runtime = findRuntime(undefined, { run })
  const host: BuildHost = {
    content,
    layers,
    db,
    lease,
    differ,
    snapshots: createSnapshotter({ run, layers }),
    runtime: {
      ...runtime,
      run: (id, ...rest) => {
        appendFileSync(join(dir, 'steps'), `${id}\n`)
        return runtime.run(id, ...rest)
      },
    },
    workDir: join(dir, 'work'),
    cacheMounts: openCacheMounts(join(dir, 'cachemounts')),
    resolveImage: async (ref, platform, call) => {
      if (ref !== 'busybox') throw new CairnError('not_found', `no image ${ref}`)
      return await openImage(both, base, platform, call)
    },
    openNetwork: async ({ mode }) => ({
      namespace: mode === 'host' ? 'host' : 'none',
      files: { hosts: join(dir, 'hosts'), resolvConf: join(dir, 'resolv.conf'), hostname: join(dir, 'hostname') },
      [Symbol.asyncDispose]: async () => {},
    }),
  }
  return { host, content: both }
}

async function busybox(dir: string, layers: BuildHost['layers'], content: BuildHost['content']): Promise<Descriptor> {
  const known = join(dir, 'busybox.json')
  if (existsSync(known)) return JSON.parse(readFileSync(known, 'utf8')) as Descriptor
  const { rootfs, image } = JSON.parse(readFileSync(join(dir, 'lab.json'), 'utf8')) as {
    rootfs: string
    image: ProcessConfig
  }
  const { diffId, tarSize } = await layers.create(streamOf(readFileSync(rootfs)))
  const descriptor = { mediaType: MediaType.ociLayer, digest: diffId, size: tarSize }
  const { manifest, config } = await importImage({ descriptor, diffId }, { platform: hostPlatform(), config: image })
  for (const document of [config, manifest]) await content.put(document.descriptor, streamOf(document.bytes))
  writeFileSync(known, JSON.stringify(manifest.descriptor))
  return manifest.descriptor
}

async function once({ host, content }: Opened, request: LabBuild): Promise<LabOutcome> {
  const { text: dockerfile, cancelAfter, stream, why: isAsked, ...options } = request
  const stop = new AbortController()
  const ran: string[] = []
  const cached: string[] = []
  const warnings: string[] = []
  let output = ''
  let starts = 0
  const progress = (record: Progress): void => {
    if (record.kind === 'log') output += text(record.data)
    if (record.kind === 'warning') warnings.push(record.message)
    if (record.kind !== 'vertex') return
    if (record.cached) cached.push(record.name)
    else if (record.started && !record.completed && ++starts === cancelAfter) setTimeout(() => stop.abort(), 50)
    else if (record.completed && record.id !== 'export') ran.push(record.name)
  }
  const why: StepReason[] = []
  const common = { ran, cached, warnings, why }
  const explain = isAsked ? { explain: (steps: readonly StepReason[]) => void why.push(...steps) } : {}
  const started = performance.now()
  try {
    const bytes = dockerfile === undefined ? {} : { dockerfileBytes: new TextEncoder().encode(dockerfile) }
    const input = stream === undefined ? {} : { contextStream: streamOf(readFileSync(stream)) }
    const result = await build(host, { ...options, ...bytes, ...input, ...explain }, { progress, signal: stop.signal })
    const milliseconds = performance.now() - started
    const image = await openImage(content, result.root)
    const layers: string[][] = []
    for (const layer of image.layers) layers.push(await entriesOf(await layer.tar()))
    return { ...common, output, result, config: image.config, layers, milliseconds }
  } catch (error) {
    if (!(error instanceof CairnError)) throw error
    const { code, message, hint, location } = error
    const told = { code, message, ...(hint ? { hint } : {}), ...(location ? { location } : {}) }
    return { ...common, output, layers: [], error: told, milliseconds: performance.now() - started }
  }
}

async function entriesOf(tar: Parameters<typeof readTar>[0]): Promise<string[]> {
  const entries: string[] = []
  for await (const { entry, data } of readTar(tar)) {
    const target = entry.linkname === undefined ? '' : ` -> ${entry.linkname}`
    let content = ''
    for await (const chunk of data) if (content.length < 80) content += text(chunk)
    const { path, type, mode, uid, gid, mtime } = entry
    const shown = type === 'file' && content.length < 80 ? ` ${JSON.stringify(content)}` : ''
    entries.push(`${path} ${type} ${mode.toString(8)} ${uid}:${gid} ${mtime / 1_000_000_000n}${target}${shown}`)
  }
  return entries
}

if (import.meta.main) {
  const builds = JSON.parse(await Bun.stdin.text()) as LabBuild[]
  const opened = await open(process.argv[2]!)
  const outcomes: LabOutcome[] = []
  for (const request of builds) outcomes.push(await once(opened, request))
  await Bun.write(Bun.stdout, JSON.stringify(outcomes))
}

/** Builds a text in a context of these files. */
export async function buildOne(
  lab: BuildLab,
  text: string,
  files: Record<string, string | Uint8Array> = {},
): Promise<LabOutcome> {
  return (await lab.build({ context: lab.context(files), text }))[0]!
}

/** Entries of the newest layer. */
export function topLayer(outcome: LabOutcome | undefined): readonly string[] {
  return outcome?.layers.at(-1) ?? []
}
