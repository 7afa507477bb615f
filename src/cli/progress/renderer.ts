import type { Progress } from '#base'
import { write } from '../output.ts'
import { isTerminal } from '../terminal.ts'
import { plain } from './plain.ts'
import { tty } from './tty.ts'
import type { Renderer } from './types.ts'

export type RendererName = 'plain' | 'tty' | 'quiet' | 'rawjson'

/** The renderer of a name; a `tty` without a terminal is plain. */
export function renderer(name: RendererName, title: string = 'Building'): Renderer {
  switch (name) {
    case 'plain':
      return plain((text) => write(2, text))
    case 'tty':
      return isTerminal(2) ? tty((text) => write(2, text), title) : plain((text) => write(2, text))
    case 'rawjson':
      return { report: (record) => write(2, rawLine(record)), end: nothing, [Symbol.dispose]: nothing }
    case 'quiet':
      return { report: nothing, end: nothing, [Symbol.dispose]: nothing }
  }
}

/** A record as one line of JSON; bytes as base64. */
export function rawLine(record: Progress): string {
  const value = record.kind === 'log' ? { ...record, data: record.data.toBase64() } : record
  return `${JSON.stringify(value)}\n`
}

function nothing(): void {}
