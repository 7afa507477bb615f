import { fail } from '#base'

/** Flags before the command. */
export interface Globals {
  readonly root?: string
  readonly run?: string
  readonly debug: boolean
  readonly help: boolean
  readonly version: boolean
  /** The command and everything after it. */
  readonly rest: readonly string[]
}

/** Reads `--root DIR --run DIR --debug --help --version` up to the first word. */
export function parseGlobals(argv: readonly string[]): Globals {
  const values: Record<'root' | 'run', string | undefined> = { root: undefined, run: undefined }
  let debug = Boolean(process.env['CAIRN_DEBUG'])
  let help = false
  let version = false
  let at = 0
  for (; at < argv.length; at++) {
    const word = argv[at]!
    if (!word.startsWith('-')) break
    const [, key, inline] = /^--(root|run)(?:=(.*))?$/s.exec(word) ?? []
    if (key === 'root' || key === 'run')
      values[key] = inline ?? argv[++at] ?? fail('invalid_argument', `flag needs an argument: --${key}`)
    else if (word === '--debug' || word === '-D') debug = true
    else if (word === '--help' || word === '-h') help = true
    else if (word === '--version' || word === '-v') version = true
    else fail('invalid_argument', `unknown flag: ${word}`, { hint: "see 'cairn --help'" })
  }
  const root = values.root ?? process.env['CAIRN_ROOT']
  const run = values.run ?? process.env['CAIRN_RUN']
  return { ...(root ? { root } : {}), ...(run ? { run } : {}), debug, help, version, rest: argv.slice(at) }
}
