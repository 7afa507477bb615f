import { utf8, type SourceLocation } from '#base'
import type { SourceFile } from '#engine'

/** The documents of `--call …,format=json` have the members of buildx's. */
export function document(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

export function locationOf({ line, endLine = line }: SourceLocation): object {
  return { ranges: [{ start: { line }, end: { line: endLine } }] }
}

export function sourceData({ text }: SourceFile): string {
  return utf8(text).toBase64()
}

/** Only what is there: empty texts and false are left out. */
export function present(members: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== undefined && value !== '' && value !== false),
  )
}
