import type { Command } from './command.ts'
import { print } from './output.ts'
import { groups, membersOf } from './lookup.ts'
import { table } from './table.ts'
import type { Entry } from './table/entry.ts'

const COMMON = ['run', 'build', 'ps', 'exec', 'logs', 'images', 'pull', 'push']

/** What the commands of a group are about. */
const GROUPS: Readonly<Record<string, string>> = {
  artifact: 'Push and pull artifacts: files under a type',
  builder: 'Manage builds and their cache',
  buildx: "Docker's other name for build",
  'cache-mount': 'Manage what builds keep in cache mounts',
  container: 'Manage containers',
  image: 'Manage images',
  index: 'Make and edit multi-platform indexes in place',
  lock: 'Manage what pins the sources of a build',
  manifest: 'Manage manifests and manifest lists',
  network: 'Manage networks',
  registry: 'Run a registry, and check any',
  system: 'Manage Cairn',
  volume: 'Manage volumes',
}

/** `cairn --help`. */
export function topHelp(): void {
  const single = table.filter((entry) => !entry.hidden && !entry.name.includes(' '))
  print('Usage:  cairn [OPTIONS] COMMAND\n\nBuild, run and share container images: one binary, no daemon\n')
  print('Common Commands:')
  rows(COMMON.flatMap((name) => single.filter((e) => e.name === name)).map((e) => [e.name, e.summary]))
  print('\nManagement Commands:')
  rows(groups().map((group) => [group, GROUPS[group] ?? '']))
  print('\nCommands:')
  rows(
    single
      .filter((e) => !COMMON.includes(e.name))
      .map((e) => [e.name, e.summary] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )
  print('\nGlobal Options:')
  rows([
    [
      '    --root string',
      'Where images and containers are kept (CAIRN_ROOT; default /var/lib/cairn, of users ~/.local/share/cairn)',
    ],
    [
      '    --run string',
      'Where running state is kept (CAIRN_RUN; default /run/cairn, of users $XDG_RUNTIME_DIR/cairn)',
    ],
    ['-D, --debug', 'Show causes and stacks of errors'],
    ['-v, --version', 'Print version information and quit'],
  ])
  print("\nRun 'cairn COMMAND --help' for more information on a command.")
}

/** `cairn image --help`. */
export function groupHelp(group: string): void {
  print(`Usage:  cairn ${group} COMMAND\n\n${GROUPS[group] ?? ''}\n\nCommands:`)
  rows(membersOf(group).map(({ name, entry }) => [name, entry.summary]))
  print(`\nRun 'cairn ${group} COMMAND --help' for more information on a command.`)
}

/** `cairn COMMAND --help`. */
export function commandHelp(name: string, entry: Entry, command: Command): void {
  print(`Usage:  cairn ${name} ${command.usage}`.trimEnd())
  print(`\n${command.summary}`)
  const aliases = [entry.name, ...(entry.also ?? [])].filter((alias) => !alias.startsWith('buildx'))
  if (aliases.length > 1) print(`\nAliases:\n  ${aliases.map((alias) => `cairn ${alias}`).join(', ')}`)
  const options = Object.entries(command.options).sort(([a], [b]) => (a < b ? -1 : 1))
  if (options.length === 0) return
  print('\nOptions:')
  rows(
    options.map(([key, option]) => [
      `${option.short ? `-${option.short},` : '   '} --${key}${option.type === 'string' ? ` ${option.value ?? (option.multiple ? 'list' : 'string')}` : ''}`,
      option.help,
    ]),
  )
}

/** Two columns, the second wrapped under itself. */
function rows(pairs: readonly (readonly [string, string])[]): void {
  const width = Math.max(...pairs.map(([left]) => left.length)) + 3
  const columns = Math.max(60, process.stdout.columns || 100) - width - 2
  for (const [left, right] of pairs) {
    const lines: string[] = ['']
    for (const word of right.split(' ')) {
      const line = lines.at(-1)!
      if (line !== '' && line.length + word.length + 1 > columns) lines.push(word)
      else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
    }
    print(`  ${left.padEnd(width)}${lines.join(`\n${' '.repeat(width + 2)}`)}`.trimEnd())
  }
}
