import type { OptionSpec } from '../command.ts'
import { print, write } from '../output.ts'
import { evaluate } from './evaluate.ts'
import { unescapeText } from './lex.ts'
import { parseTemplate } from './parse.ts'

/** One column of a listing: Docker's heading and the field it shows. */
export interface Column {
  readonly heading: string
  readonly field: string
}

export type Row = Readonly<Record<string, unknown>>

/** The flags of every command that prints a listing: what {@link printList} is given. */
export const listing: {
  readonly format: OptionSpec & { readonly type: 'string' }
  readonly json: OptionSpec & { readonly type: 'boolean' }
} = {
  format: {
    type: 'string',
    help: "Format output: 'table', 'table TEMPLATE', 'json' or a Go template",
    complete: ['table', 'json'],
  },
  json: { type: 'boolean', help: 'Same as --format json: one object a line' },
}

/**
 * Prints a listing as `--format` asks: `table` (default), `json` (one object a line), a template per
 * row, or `table TEMPLATE` with headings.
 */
export function printList(
  rows: readonly Row[],
  columns: readonly Column[],
  options: {
    readonly format?: string | undefined
    readonly json?: boolean | undefined
    readonly headings?: readonly Column[]
  } = {},
): void {
  const format = options.json ? 'json' : (options.format ?? 'table')
  if (format === 'json' || format === '{{json .}}') {
    for (const row of rows) print(JSON.stringify(row))
    return
  }
  if (format === 'table') {
    printTable([columns.map((c) => c.heading), ...rows.map((row) => columns.map((c) => cell(row[c.field])))])
    return
  }
  const template = unescapeText(format)
  if (!/^table\s/.test(template)) {
    printEach(rows, template)
    return
  }
  const parts = parseTemplate(template.replace(/^table\s+/, ''))
  const titles = Object.fromEntries([...(options.headings ?? []), ...columns].map((c) => [c.field, c.heading]))
  const headings = new Proxy(titles, {
    get: (target, key) => (key === 'Label' ? labelHeading : (target[String(key)] ?? String(key).toUpperCase())),
    getOwnPropertyDescriptor: () => ({ configurable: true, enumerable: true }),
    has: () => true,
  })
  printTable([headings, ...rows].map((row) => evaluate(parts, row).split('\t')))
}

/** `{{.Label "com.example.made-by"}}` stands over its column as `made by`. */
function labelHeading(name: unknown): string {
  return String(name).replace(/^.*\./, '').replace(/[-_]/g, ' ')
}

/** A template's text for each value, a line each. */
export function printEach(values: readonly unknown[], template: string): void {
  const parts = parseTemplate(unescapeText(template))
  for (const value of values) print(evaluate(parts, value))
}

/** Cells that a column of docker's takes at least, its blanks included. */
const NARROWEST = 10

/** Columns padded to their widest cell and three blanks, as docker's are. */
export function printTable(lines: readonly (readonly string[])[], narrowest: number = NARROWEST): void {
  const widths: number[] = []
  for (const line of lines)
    for (const [i, text] of line.entries()) widths[i] = Math.max(widths[i] ?? narrowest, Bun.stringWidth(text) + 3)
  const padded = lines.map((line) =>
    line
      .map((text, i) => (i === line.length - 1 ? text : text + ' '.repeat(widths[i]! - Bun.stringWidth(text))))
      .join('')
      .trimEnd(),
  )
  write(1, padded.join('\n') + '\n')
}

function cell(value: unknown): string {
  return typeof value === 'string'
    ? value
    : value === undefined || value === null
      ? ''
      : String(value as number | boolean)
}
