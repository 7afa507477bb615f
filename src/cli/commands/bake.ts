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
import type { BakeTarget } from '#engine'
import { formatPlatform, hostPlatform } from '#oci'
import { parseArguments } from '../arguments.ts'
import type { AskedTarget } from '../bake/asking.ts'
import { readBakeFiles, readNamed } from '../bake/files.ts'
import { buildWords } from '../bake/flags.ts'
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

/** How a context names another target. */
const LINK = 'target:'
const LISTS = ['targets', 'variables'] as const
const GRANTS = ['network.host', 'security.insecure']

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
  usage: '[OPTIONS] [TARGET...]',
  summary: 'Build the targets of a file',
  options,
  refused: { builder: '', policy: '' },
  run: async (context, values, wanted) => {
    if (values.print && values.list !== undefined) fail('invalid_argument', '--print and --list are mutually exclusive')
    checkLocal(wanted[0])
    const definitions = await readDefinitions(await readBakeFiles(values.file ?? []), bakeOptions(values))
    if (values.list !== undefined) return list(values.list, definitions)
    const plan = planTargets(definitions, wanted, overrides(values))
    if (values.print) return print(JSON.stringify(printed(plan), undefined, 2))
    checkGrants(values.allow ?? [])
    for (const [name, target] of plan.targets) checkGranted(name, target, values.allow ?? [])
    const asked = await askedTargets(plan, parseCall(values.call, values.check))
    const built = [...plan.targets].filter(([name]) => !asked.has(name))
    if (built.length > 0) await buildAll(context, { ...plan, targets: new Map(built) }, values)
    if (asked.size === 0) return undefined
    const { answerTargets } = await import('../bake/asking.ts')
    return await answerTargets(await context.node(), asked, context.signal)
  },
})

/** Those that the command line, or they themselves, want asked about. */
async function askedTargets(plan: Plan, wanted: BuildCall | undefined): Promise<ReadonlyMap<string, AskedTarget>> {
  const asked = new Map<string, AskedTarget>()
  for (const [name, target] of plan.targets) {
    const question = wanted ?? parseCall(target.call, undefined)
    if (!question) continue
    const { request, links } = await bakeTarget(name, target)
    // What other targets would make is not known without building them.
    const unknown = Object.fromEntries(Object.keys(links).map((context) => [context, 'docker-image://scratch']))
    asked.set(name, { target, question, request: { ...request, contexts: { ...request.contexts, ...unknown } } })
  }
  return asked
}

function bakeOptions(values: Values<typeof options>): BakeOptions {
  const given = pairs(values.var ?? [])
  return {
    variable: (name) => (Object.hasOwn(given, name) ? given[name] : process.env[name]),
    environment: { ...(process.env as Record<string, string>), ...given },
    readFile: readNamed,
    warn: (message) => note(`WARNING: ${message}`),
    builtins: { BAKE_LOCAL_PLATFORM: formatPlatform(hostPlatform()), BAKE_CMD_CONTEXT: 'cwd://' },
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

/** Where Docker reads a definition from a repository or a server, it is the first word. */
function checkLocal(word = ''): void {
  if (/^(https?:\/\/|git:\/\/|ssh:\/\/|git@|github\.com\/)/.test(word))
    fail('unimplemented', `${word}: definitions are not read from remote places`, {
      hint: 'fetch it, or name it as the context of a target',
    })
}

/** Whoever grants something that there is not has something else in mind. */
function checkGrants(allowed: readonly string[]): void {
  const unknown = allowed.find((name) => !GRANTS.includes(name))
  if (unknown !== undefined)
    fail('invalid_argument', `--allow ${unknown}: there is no such entitlement`, { hint: GRANTS.join(' or ') })
}

/** What could reach beyond the build, its file may only ask for; whoever calls grants it. */
function checkGranted(name: string, target: Target, allowed: readonly string[]): void {
  const missing = (target.entitlements ?? []).filter((wanted) => !allowed.includes(wanted))
  if (missing.length > 0)
    fail('permission_denied', `target ${name} asks for ${missing.join(' and ')}`, {
      hint: `grant it with ${missing.map((wanted) => `--allow=${wanted}`).join(' ')}`,
    })
}

async function buildAll(context: Context, plan: Plan, values: Values<typeof options>): Promise<void> {
  const targets = new Map<string, BakeTarget>()
  for (const [name, target] of plan.targets) targets.set(name, await bakeTarget(name, target))
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
async function bakeTarget(name: string, target: Target): Promise<BakeTarget> {
  const contexts = Object.entries(target.contexts ?? {})
  const links = contexts.filter(([, context]) => context.startsWith(LINK))
  const others = Object.fromEntries(contexts.filter(([, context]) => !context.startsWith(LINK)))
  const { values } = parseArguments(buildWords({ ...target, contexts: others }), build, `bake ${name}`)
  const request = await requestOf(values as Parameters<typeof requestOf>[0], target.context ?? '.')
  const inline = target['dockerfile-inline']
  return {
    request: inline === undefined ? request : { ...request, dockerfileBytes: utf8(inline) },
    links: Object.fromEntries(links.map(([context, other]) => [context, other.slice(LINK.length)])),
  }
}
