import {
  parseOverride,
  planTargets,
  printed,
  readDefinitions,
  type BakeOptions,
  type Definitions,
  type Plan,
  type Target,
} from '#bake'
import { fail, utf8, type Call } from '#base'
import type { BakeTarget, BuildRequest } from '#engine'
import { formatPlatform, hostPlatform } from '#oci'
import { parseArguments } from '../arguments.ts'
import type { AskedTarget } from '../bake/asking.ts'
import { namedFiles, noDefinition, readBakeFiles, readNamed } from '../bake/files.ts'
import { buildWords } from '../bake/flags.ts'
import { checkGranted, checkGrants, GRANTS } from '../bake/grants.ts'
import { bakeWords, LOCAL, loginAt, placed, remoteBakeFiles, type BakeWords, type Origin } from '../bake/remote.ts'
import { listTargets, listVariables } from '../bake/listing.ts'
import { parseCall, type BuildCall } from '../buildcall/call.ts'
import { command, type Command, type Context, type Values } from '../command.ts'
import { Attributes } from '../flags/attributes.ts'
import { pairs } from '../flags/environment.ts'
import { metadataOf, writeMetadata } from '../flags/build/metadata.ts'
import { progressFlags, progressOf } from '../flags/build/progress.ts'
import { note, print } from '../output.ts'
import { labelled } from '../progress/labelled.ts'
import { build, requestOf } from './build.ts'

/** What logs in for a target where the definitions came from. */
type Login = (target: Target) => NonNullable<BuildRequest['secrets']>

/** How a context names another target. */
const LINK = 'target:'
const LISTS = ['targets', 'variables'] as const

const options = {
  call: {
    type: 'string',
    help: 'Set method for evaluating build ("check", "outline", "targets")',
    complete: ['build', 'check', 'outline', 'targets'],
  },
  check: { type: 'boolean', help: 'Shorthand for "--call=check"' },
  allow: { type: 'string', multiple: true, help: 'Allow build to access specified resources', complete: GRANTS },
  file: { type: 'string', short: 'f', multiple: true, help: 'Build definition file', complete: 'file' },
  list: { type: 'string', help: 'List targets or variables', complete: ['targets', 'variables'] },
  load: { type: 'boolean', help: 'Shorthand for "--set=*.load=true"' },
  'metadata-file': { type: 'string', help: 'Write build result metadata to a file', complete: 'file' },
  'no-cache': { type: 'boolean', help: 'Do not use cache when building the image' },
  print: { type: 'boolean', help: 'Print the options without building' },
  ...progressFlags,
  provenance: { type: 'string', help: 'Shorthand for "--set=*.attest=type=provenance"' },
  pull: { type: 'boolean', help: 'Always attempt to pull all referenced images' },
  push: { type: 'boolean', help: 'Shorthand for "--set=*.push=true"' },
  sbom: { type: 'string', help: 'Shorthand for "--set=*.attest=type=sbom"' },
  set: { type: 'string', multiple: true, help: 'Override target value (e.g., "targetpattern.key=value")' },
  var: { type: 'string', multiple: true, help: 'Set a variable value (e.g., "name=value")' },
} as const

export const bake: Command = command({
  usage: '[OPTIONS] [URL [URL]] [TARGET...]',
  summary: 'Build the targets of a file, or of one in a repository or at a URL',
  options,
  refused: { builder: '', policy: '' },
  run: async (context, values, wanted) => {
    if (values.print && values.list !== undefined) fail('invalid_argument', '--print and --list are mutually exclusive')
    const allowed = values.allow ?? []
    checkGrants(allowed)
    const words = bakeWords(wanted)
    const { definitions, origin } = await definitionsOf(context, words, values)
    if (values.list !== undefined) return list(values.list, definitions)
    const planned = planTargets(definitions, words.targets, overrides(values))
    if (!values.print) for (const [name, target] of planned.targets) checkGranted(name, target, allowed, origin)
    const plan = { ...planned, targets: mapped(planned.targets, (target) => placed(target, origin)) }
    if (values.print) {
      const shown = mapped(planned.targets, (target, name) => ({
        ...target,
        context: plan.targets.get(name)!.context!,
      }))
      return print(JSON.stringify(printed({ ...plan, targets: shown }), undefined, 2))
    }
    const login: Login = (target) => loginAt(words.url, target.context)
    const asked = await askedTargets(plan, parseCall(values.call, values.check), login)
    const built = [...plan.targets].filter(([name]) => !asked.has(name))
    if (built.length > 0) await buildAll(context, { ...plan, targets: new Map(built) }, values, login)
    if (asked.size === 0) return undefined
    const { answerTargets } = await import('../bake/asking.ts')
    return await answerTargets(await context.node(), asked, context.signal)
  },
})

/** Those that the command line, or they themselves, want asked about. */
async function askedTargets(
  plan: Plan,
  wanted: BuildCall | undefined,
  login: Login,
): Promise<ReadonlyMap<string, AskedTarget>> {
  const asked = new Map<string, AskedTarget>()
  for (const [name, target] of plan.targets) {
    const question = wanted ?? parseCall(target.call, undefined)
    if (!question) continue
    const { request, links } = await bakeTarget(name, target, login)
    // What other targets would make is not known without building them.
    const unknown = Object.fromEntries(Object.keys(links).map((context) => [context, 'docker-image://scratch']))
    asked.set(name, { target, question, request: { ...request, contexts: { ...request.contexts, ...unknown } } })
  }
  return asked
}

/** Reads the files, at a URL or here; files behind `cwd://` are here, and go over the others. */
async function definitionsOf(
  context: Context,
  { url, commandContext }: BakeWords,
  values: Values<typeof options>,
): Promise<{ readonly definitions: Definitions; readonly origin?: Origin }> {
  const named = namedFiles(values.file ?? [])
  const own = named.flatMap((name) => (name.startsWith(LOCAL) ? [name.slice(LOCAL.length)] : []))
  const asked = bakeOptions(values, commandContext)
  if (url === undefined) {
    const names = named.map((name) => (name.startsWith(LOCAL) ? name.slice(LOCAL.length) : name))
    return { definitions: await readDefinitions(await readBakeFiles(names), asked) }
  }
  const local = own.length > 0 ? await readBakeFiles(own) : []
  const node = await context.node()
  return await node.images.remoteFiles(
    { context: url, secrets: loginAt(url) },
    async (remote) => {
      const files = remoteBakeFiles(
        remote,
        url,
        named.filter((name) => !name.startsWith(LOCAL)),
      )
      if (files.length + local.length === 0) noDefinition()
      const readFile = (path: string): string | undefined => (remote.kind === 'file' ? undefined : remote.read(path))
      const definitions = await readDefinitions([...files, ...local], { ...asked, readFile })
      return { definitions, origin: { kind: remote.kind, context: (path) => remote.context(path) } }
    },
    { signal: context.signal },
  )
}

function mapped<T, R>(map: ReadonlyMap<string, T>, of: (value: T, name: string) => R): ReadonlyMap<string, R> {
  return new Map([...map].map(([name, value]) => [name, of(value, name)]))
}

function bakeOptions(values: Values<typeof options>, commandContext: string): BakeOptions {
  const given = pairs(values.var ?? [])
  return {
    variable: (name) => (Object.hasOwn(given, name) ? given[name] : process.env[name]),
    environment: { ...(process.env as Record<string, string>), ...given },
    readFile: readNamed,
    warn: (message) => note(`WARNING: ${message}`),
    builtins: { BAKE_LOCAL_PLATFORM: formatPlatform(hostPlatform()), BAKE_CMD_CONTEXT: commandContext },
  }
}

/** The shorthands are overrides like any other. */
function overrides(values: Values<typeof options>): NonNullable<ReturnType<typeof parseOverride>>[] {
  const short = (['push', 'load', 'no-cache', 'pull'] as const)
    .filter((name) => values[name] !== undefined)
    .map((name) => `*.${name}=${values[name]}`)
  const attest = (['provenance', 'sbom'] as const)
    .filter((name) => values[name] !== undefined)
    .map((name) => `*.attest=type=${name},${attestation(values[name]!)}`)
  return [...(values.set ?? []), ...short, ...attest].flatMap(
    (text) => parseOverride(text, (name) => process.env[name]) ?? [],
  )
}

/** `--sbom=true`, `--provenance=mode=max`. */
function attestation(value: string): string {
  if (/^(1|t|true)$/i.test(value)) return 'disabled=false'
  return /^(0|f|false)$/i.test(value) ? 'disabled=true' : value
}

function list(what: string, definitions: Definitions): void {
  const fields = /^type=|,/.test(what) ? new Attributes(what, '--list') : undefined
  const type = fields ? fields.choice('type', LISTS) : LISTS.find((one) => one === what)
  const json = fields?.choice('format', ['table', 'json']) === 'json'
  fields?.end()
  if (type === 'targets') return listTargets(definitions, json)
  if (type === 'variables') return listVariables(definitions, json)
  fail('invalid_argument', `cannot list ${JSON.stringify(what)}`, { hint: '--list=targets or --list=variables' })
}

async function buildAll(context: Context, plan: Plan, values: Values<typeof options>, login: Login): Promise<void> {
  const targets = new Map<string, BakeTarget>()
  for (const [name, target] of plan.targets) targets.set(name, await bakeTarget(name, target, login))
  const node = await context.node()
  using progress = await progressOf(values, `cairn bake ${[...targets.keys()].join(', ')}`)
  const calls = (name: string): Call => ({ signal: context.signal, progress: labelled(name, progress.report) })
  const built = await node.images.bake(targets, calls)
  progress.end()
  const metadata = Object.fromEntries([...built].map(([name, one]) => [name, metadataOf(one)]))
  if (values['metadata-file'] !== undefined) writeMetadata(values['metadata-file'], metadata)
  if (values.quiet || values.progress === 'quiet') for (const { id } of built.values()) print(id)
}

/** A target in the words of `build`, less the contexts that are other targets. */
async function bakeTarget(name: string, target: Target, login: Login): Promise<BakeTarget> {
  const contexts = Object.entries(target.contexts ?? {})
  const links = contexts.filter(([, context]) => context.startsWith(LINK))
  const others = Object.fromEntries(contexts.filter(([, context]) => !context.startsWith(LINK)))
  const { values } = parseArguments(buildWords({ ...target, contexts: others }), build, `bake ${name}`)
  const asked = await requestOf(values as Parameters<typeof requestOf>[0], target.context ?? '.')
  const request = { ...asked, secrets: { ...login(target), ...asked.secrets } }
  const inline = target['dockerfile-inline']
  return {
    request: inline === undefined ? request : { ...request, dockerfileBytes: utf8(inline) },
    links: Object.fromEntries(links.map(([context, other]) => [context, other.slice(LINK.length)])),
  }
}
