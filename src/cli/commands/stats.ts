import { isCode } from '#base'
import type { ContainerUsage, Node } from '#engine'
import { command, type Command } from '../command.ts'
import { listing, printList, type Row } from '../format/list.ts'
import { binarySize, size } from '../format/units.ts'
import { write } from '../output.ts'
import { shortId } from '../rows.ts'
import { isTerminal } from '../terminal.ts'

const COLUMNS = [
  { heading: 'CONTAINER ID', field: 'ID' },
  { heading: 'NAME', field: 'Name' },
  { heading: 'CPU %', field: 'CPUPerc' },
  { heading: 'MEM USAGE / LIMIT', field: 'MemUsage' },
  { heading: 'MEM %', field: 'MemPerc' },
  { heading: 'NET I/O', field: 'NetIO' },
  { heading: 'BLOCK I/O', field: 'BlockIO' },
  { heading: 'PIDS', field: 'PIDs' },
]
/** Between two looks, milliseconds: docker's. */
const PERIOD = 1000
const CLEAR = '\x1b[2J\x1b[H'

export const stats: Command = command({
  usage: '[OPTIONS] [CONTAINER...]',
  summary: 'Display a live stream of container(s) resource usage statistics',
  options: {
    all: { type: 'boolean', short: 'a', help: 'Show all containers (default shows just running)' },
    ...listing,
    'no-stream': { type: 'boolean', help: 'Disable streaming stats and only pull the first result' },
    'no-trunc': { type: 'boolean', help: 'Do not truncate output' },
  },
  completes: 'container',
  run: async (context, values, words) => {
    const node = await context.node()
    // Looking leaves nothing to tidy up: Ctrl-C ends it as it ends `top`.
    if (!values['no-stream']) context.takeSignals()
    const live = !values['no-stream'] && isTerminal(1)
    const look = (): Promise<Map<string, ContainerUsage>> => usages(node, words, values.all === true)
    for (const word of words) await node.containers.get(word)
    const show = (now: Map<string, ContainerUsage>, before: Map<string, ContainerUsage>): void => {
      if (live) write(1, CLEAR)
      const rows = [...now].map(([word, usage]) =>
        row(word, usage, before.get(word), { full: values['no-trunc'] === true }),
      )
      printList(rows, COLUMNS, {
        format: values.format,
        json: values.json,
        headings: [{ heading: 'CONTAINER', field: 'Container' }],
      })
    }
    let before = await look()
    if (live) show(before, new Map())
    for (;;) {
      await Bun.sleep(PERIOD)
      const now = await look()
      show(now, before)
      if (values['no-stream'] || (words.length > 0 && now.size === 0)) return
      before = now
    }
  },
})

/** By what each is called on the command line, or its short ID. Those that are gone meanwhile are left out. */
async function usages(node: Node, words: readonly string[], all: boolean): Promise<Map<string, ContainerUsage>> {
  const shown = async (): Promise<readonly string[]> =>
    (await node.containers.list())
      .filter(({ state }) => all || state === 'running' || state === 'paused')
      .map(({ id }) => id)
  const found = new Map<string, ContainerUsage>()
  for (const ref of words.length > 0 ? words : await shown()) {
    try {
      found.set(words.length > 0 ? ref : shortId(ref), await node.containers.usage(ref))
    } catch (error) {
      if (!isCode(error, 'not_found')) throw error
    }
  }
  return found
}

/** A container under docker's field names. */
function row(
  word: string,
  now: ContainerUsage,
  before: ContainerUsage | undefined,
  { full }: { readonly full: boolean },
): Row {
  const cpu = before && now.cpu > before.cpu ? (now.cpu - before.cpu) / ((now.time - before.time) * 1e6) : 0
  const memory = now.memoryLimit === 0 ? 0 : now.memory / now.memoryLimit
  const known = (text: string, otherwise: string): string => (now.measured ? text : otherwise)
  return {
    BlockIO: known(`${size(now.read)} / ${size(now.written)}`, '-- / --'),
    CPUPerc: before ? known(percent(cpu), '--') : '--',
    Container: word,
    ID: full ? now.id : shortId(now.id),
    MemPerc: known(percent(memory), '--'),
    MemUsage: known(`${binarySize(now.memory)} / ${binarySize(now.memoryLimit)}`, '-- / --'),
    Name: now.name,
    NetIO: `${size(now.received)} / ${size(now.sent)}`,
    PIDs: String(now.processes),
  }
}

function percent(part: number): string {
  return `${(part * 100).toFixed(2)}%`
}
