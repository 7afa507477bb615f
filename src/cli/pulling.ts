import type { Progress } from '#base'
import type { Pulled } from '#engine'
import { note, print } from './output.ts'
import { renderer } from './progress/renderer.ts'
import { isTerminal } from './terminal.ts'

/** Shows a transfer: live on a terminal, elsewhere a line for each beginning and each layer that is there. */
export interface Transfer extends Disposable {
  readonly report: (record: Progress) => void
  end(): void
}

/** `out` says the lines; `done` is what a whole layer is called: `Pull complete`. */
export function transfer(options: {
  readonly quiet: boolean
  readonly done: string
  readonly title: string
  readonly out: (line: string) => void
}): Transfer {
  const { quiet, done, title, out } = options
  if (!quiet && isTerminal(2)) return renderer('tty', title)
  return {
    report: (record) => {
      if (record.kind === 'warning') note(`warning: ${record.message}`)
      if (quiet) return
      if (record.kind === 'vertex' && record.started !== undefined && record.completed === undefined) out(record.name)
      if (record.kind === 'status' && record.done) out(`${record.name}: ${record.note ?? done}`)
    },
    end: nothing,
    [Symbol.dispose]: nothing,
  }
}

/** Docker's last lines of a pull. */
export function printPulled({ name, reference, digest, changed }: Pulled): void {
  print(`Digest: ${digest}`)
  print(`Status: ${changed ? 'Downloaded newer image' : 'Image is up to date'} for ${name}`)
  print(reference)
}

function nothing(): void {}
