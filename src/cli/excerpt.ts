import type { SourceLocation } from '#base'
import { paint } from './output.ts'

/** The place, and its lines marked among their neighbours; the place alone when the text is not at hand. */
export function excerpt(location: SourceLocation, colour: boolean): readonly string[] {
  const { file, line, excerpt: text, around = { before: [], after: [] } } = location
  if (text === undefined) return [`  ${file}:${line}`]
  const marked = text.replace(/\n$/, '').split('\n')
  const first = line - around.before.length
  // An empty line at the end of the file is none.
  const after = around.after.at(-1) === '' ? around.after.slice(0, -1) : around.after
  const lines = [...around.before, ...marked, ...after]
  const width = String(first + lines.length - 1).length
  return [
    `${file}:${line}`,
    ...lines.map((content, i) => {
      const at = first + i
      const isMarked = at >= line && at < line + marked.length
      const shown = `${String(at).padStart(width + 1)} | ${isMarked ? '>>>' : '   '} ${content}`
      return isMarked ? paint(colour, '31', shown) : shown.trimEnd()
    }),
  ]
}
