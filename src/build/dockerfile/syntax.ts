import type { SourceLocation } from '#base'

/** A place in the file. Lines count from 1, characters (UTF-16 units) from 0. */
export interface Position {
  readonly line: number
  readonly character: number
}

/** From `start` up to, not including, `end`. */
export interface Range {
  readonly start: Position
  readonly end: Position
}

/** `# name=value` at the top of the file. */
export interface Directive {
  readonly name: 'syntax' | 'escape' | 'check'
  readonly value: string
  readonly range: Range
}

/** `--name` or `--name=value` between the keyword and the arguments; quotes removed. */
export interface Flag {
  readonly name: string
  /** Absent without `=`. */
  readonly value?: string
  readonly range: Range
}

/** A piece of the arguments; `text` keeps its quotes and variables. */
export interface Word {
  readonly text: string
  readonly range: Range
}

/** A here-document of a statement. */
export interface Heredoc {
  /** The delimiter, unquoted: also the name of the file that `COPY <<name` makes. */
  readonly name: string
  /** False when any part of the delimiter was quoted. */
  readonly expand: boolean
  /** `<<-`: leading tabs go. */
  readonly stripTabs: boolean
  readonly fd: number
  /** As in the file, tabs included, up to the line of the delimiter. */
  readonly content: string
  /** The content's lines, the delimiter's not included. */
  readonly range: Range
}

/** One logical line: its continuations joined, comments inside it dropped, not yet interpreted. */
export interface Statement {
  /** As written. */
  readonly keyword: string
  /** In capitals. */
  readonly name: string
  readonly flags: readonly Flag[]
  /** What follows the flags, trimmed. */
  readonly args: string
  /** The whole logical line, trimmed: what history and progress quote. */
  readonly text: string
  readonly heredocs: readonly Heredoc[]
  /** The statement inside `ONBUILD`. */
  readonly trigger?: Statement
  /** Where it has empty lines inside a continuation: one for all of them, at its last line. */
  readonly emptyContinuations: readonly SourceLocation[]
  /** Comment lines directly above, without `#`; an empty one starts anew. */
  readonly comments: readonly string[]
  /** The instruction with its heredocs. */
  readonly range: Range
  readonly keywordRange: Range
  /** Where a piece of `args` stands in the file, by offsets into it. */
  readonly argsRange: (start: number, end: number) => Range
  /** For errors: the lines of the instruction. */
  readonly location: SourceLocation
}

/** A Dockerfile as lines and statements; nothing is known of their meaning yet. */
export interface Dockerfile {
  /** For messages. */
  readonly file: string
  readonly escape: Escape
  readonly directives: readonly Directive[]
  readonly statements: readonly Statement[]
  /** The lines of the file, without their ends. */
  readonly lines: readonly string[]
}

/** The character that continues lines and escapes: `# escape=`. */
export type Escape = '\\' | '`'
