import { CairnError, messageOf } from '#base'
import { UnknownWord } from './arguments.ts'
import { excerpt } from './excerpt.ts'
import { note, OutputClosed, paint } from './output.ts'
import { colours } from './terminal.ts'
import { nearest } from './suggest.ts'

/** Tells a person what went wrong: one line, the place in their file, what to do. Answers the exit code. */
export function report(error: unknown, options: { readonly failure: number; readonly debug: boolean }): number {
  // As a shell sees a program whose reader has gone: 128 + SIGPIPE.
  if (error instanceof OutputClosed) return 141
  try {
    for (const line of describe(error, colours(2))) note(line)
    if (options.debug && error instanceof Error) for (const line of causes(error)) note(line)
  } catch (failed) {
    if (!(failed instanceof OutputClosed)) throw failed
  }
  return exitCodeOf(error) ?? options.failure
}

/** The lines of a report, without a stack. */
export function describe(error: unknown, colour: boolean): readonly string[] {
  const lines = [`${paint(colour, '1;31', 'cairn:')} ${oneLine(messageOf(error))}`]
  if (error instanceof CairnError) {
    if (error.location) lines.push(...excerpt(error.location, colour))
    if (error.hint) lines.push(`${paint(colour, '36', 'hint:')} ${error.hint}`)
  } else if (error instanceof UnknownWord) {
    const meant = nearest(error.word, error.candidates)
    if (meant) lines.push(`${paint(colour, '36', 'hint:')} did you mean '${meant}'?`)
    lines.push(`See '${error.help}' for more information`)
  } else if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOSPC') {
    lines.push(`${paint(colour, '36', 'hint:')} the disk is full: 'cairn system prune' frees what nothing uses`)
  }
  return lines
}

/** Exit codes that an error itself brings: the runtime's 126 and 127. */
function exitCodeOf(error: unknown): number | undefined {
  const code = (error as { exitCode?: unknown } | undefined)?.exitCode
  return typeof code === 'number' ? code : undefined
}

function* causes(error: Error): Iterable<string> {
  let current: unknown = error
  for (let depth = 0; current instanceof Error && depth < 8; depth++) {
    yield current.stack ?? String(current)
    current = current.cause
  }
}

function oneLine(message: string): string {
  return message.replace(/\s*\n\s*/g, ' ').trim()
}
