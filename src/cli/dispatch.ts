import { fail } from '#base'
import { checkWords, parseArguments, UnknownWord } from './arguments.ts'
import type { Command, Context, Options, Values } from './command.ts'
import { parseGlobals, type Globals } from './globals.ts'
import { find, groups, membersOf } from './lookup.ts'
import { table } from './table.ts'
import type { Entry } from './table/entry.ts'

/** Runs one command line; the exit code. Everything it wrote is written when this resolves. */
export async function dispatch(argv: readonly string[]): Promise<number> {
  let failure = 1
  let debug = false
  try {
    const globals = parseGlobals(argv)
    debug = globals.debug
    if (globals.version) return await version()
    if (globals.help || globals.rest.length === 0) return await help(globals.rest)
    const found = find(globals.rest)
    if (!found) return await unknown(globals.rest)
    const { entry, length } = found
    // Containers, mounts and files of many owners are root's, if only of a user namespace.
    if (process.getuid!() !== 0 && !entry.unprivileged) await (await import('#engine')).enterUserNamespace()
    if (entry.starts) (await import('#engine')).anticipateMigration()
    const command = await entry.load()
    failure = command.failure ?? 1
    return await invoke(entry, globals.rest.slice(0, length).join(' '), command, globals.rest.slice(length), globals)
  } catch (error) {
    const { report } = await import('./report.ts')
    return report(error, { failure, debug })
  }
}

/** A flag that cannot be read ends every command with 125, as with Docker. */
function readArguments(argv: readonly string[], command: Command, name: string): ReturnType<typeof parseArguments> {
  try {
    return parseArguments(argv, command, name)
  } catch (error) {
    throw error instanceof Error ? Object.assign(error, { exitCode: 125 }) : error
  }
}

async function invoke(
  entry: Entry,
  name: string,
  command: Command,
  argv: readonly string[],
  globals: Globals,
): Promise<number> {
  const { values, words } = readArguments(argv, command, name)
  if (values['help'] === true) {
    const { commandHelp } = await import('./help.ts')
    commandHelp(name, entry, command)
    return 0
  }
  checkWords(words, command, name)
  const stop = new AbortController()
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  let received = 0
  const onSignal = (signal: NodeJS.Signals, number: number): void => {
    // The first asks the command to stop cleanly; the second is not asked twice.
    if (received > 0) process.exit(128 + number)
    received = 128 + number
    stop.abort(new Error(signal))
  }
  for (const signal of signals) process.on(signal, onSignal)
  let node: Promise<import('#engine').Node> | undefined
  const context: Context = {
    debug: globals.debug,
    signal: stop.signal,
    takeSignals: () => {
      for (const signal of signals) process.off(signal, onSignal)
    },
    node: () =>
      (node ??= import('#engine').then(({ openNode }) =>
        openNode({
          ...(globals.root ? { root: globals.root } : {}),
          ...(globals.run ? { run: globals.run } : {}),
        }),
      )),
  }
  try {
    return (await command.run(context, values as Values<Options>, words)) ?? 0
  } catch (error) {
    if (received === 0) throw error
    const { report } = await import('./report.ts')
    report(error, { failure: command.failure ?? 1, debug: globals.debug })
    return received
  } finally {
    await (await node)?.leave()
  }
}

async function version(): Promise<number> {
  const [{ VERSION }, { print }] = await Promise.all([import('./version.ts'), import('./output.ts')])
  print(`Cairn version ${VERSION}`)
  return 0
}

async function help(rest: readonly string[]): Promise<number> {
  const { commandHelp, groupHelp, topHelp } = await import('./help.ts')
  const found = find(rest)
  if (found) commandHelp(rest.slice(0, found.length).join(' '), found.entry, await found.entry.load())
  else if (rest[0] && groups().includes(rest[0])) groupHelp(rest[0])
  else topHelp()
  return 0
}

async function unknown(rest: readonly string[]): Promise<number> {
  const [first = '', second] = rest
  if (first === 'help') return help(rest.slice(1))
  const instead = (await import('./absent.ts')).insteadOf(rest)
  const name = `cairn ${groups().includes(first) ? `${first} ${second}` : first}`
  if (instead !== undefined) fail('unimplemented', `there is no '${name}'`, { hint: instead })
  if (!groups().includes(first)) {
    const candidates = [...table.filter((e) => !e.hidden && !e.name.includes(' ')).map((e) => e.name), ...groups()]
    throw Object.assign(new UnknownWord(`unknown command: cairn ${first}`), {
      word: first,
      candidates,
      help: 'cairn --help',
    })
  }
  if (second === undefined || second === '--help' || second === '-h') return help([first])
  throw Object.assign(new UnknownWord(`unknown command: cairn ${first} ${second}`), {
    word: second,
    candidates: membersOf(first).map((member) => member.name),
    help: `cairn ${first} --help`,
  })
}
