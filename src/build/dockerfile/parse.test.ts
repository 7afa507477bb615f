import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { CairnError } from '#base'
import { parseDockerfile } from './parse.ts'
import { readStages } from './stages.ts'
import type { Range, Statement } from './syntax.ts'

const texts = (source: string): string[] => parseDockerfile(source).statements.map((s) => s.text)
const first = (source: string): Statement => parseDockerfile(source).statements[0]!
const message = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    if (error instanceof CairnError) return `${error.location?.line ?? '?'}: ${error.message}`
    throw error
  }
  return 'nothing'
}

/** What stands in the file at a range, line ends as `\n`. */
function cut(source: string, { start, end }: Range): string {
  const lines = source.replace(/^\uFEFF/, '').split('\n')
  if (start.line === end.line) return lines[start.line - 1]!.slice(start.character, end.character)
  return [
    lines[start.line - 1]!.slice(start.character),
    ...lines.slice(start.line, end.line - 1),
    lines[end.line - 1]!.slice(0, end.character),
  ].join('\n')
}

describe('lines', () => {
  test('comments, blanks and continuations', () => {
    const source = 'FROM a\n# c\nRUN one \\\n  # inside\n\n  two \\\n three\n\nCMD x'
    expect(texts(source)).toEqual(['FROM a', 'RUN one   two  three', 'CMD x'])
  })
  test('blanks after the escape still continue', () => expect(texts('RUN a \\  \t\n b')).toEqual(['RUN a  b']))
  test('an escaped escape does not', () => expect(texts('RUN a \\\\\nRUN b')).toEqual(['RUN a \\\\', 'RUN b']))
  test('an escape at the end of the file', () => expect(texts('FROM a\nRUN b \\')).toEqual(['FROM a', 'RUN b']))
  test('CRLF and a byte order mark', () =>
    expect(texts('\uFEFFFROM a\r\nRUN b \\\r\n c\r\n')).toEqual(['FROM a', 'RUN b  c']))
  test('an empty continuation line is a warning', () => {
    expect(first('RUN a \\\n\n b').emptyContinuations).toMatchObject([{ line: 3 }])
  })
  test('nothing at all is an error', () =>
    expect(message(() => parseDockerfile('# x\n\n'))).toContain('no instructions'))
  test('comments above belong to the instruction', () => {
    expect(first('# old\n#\n# new\n\nFROM a').comments).toEqual(['new'])
  })
})

describe('directives', () => {
  const escape = (source: string): string => parseDockerfile(source).escape
  test('escape at the top', () => expect(escape('# ESCAPE = `\nFROM a')).toBe('`'))
  test('after another directive', () => expect(escape('#syntax=x\n# escape=`\nFROM a')).toBe('`'))
  test('not after a comment', () => expect(escape('# hi\n# escape=`\nFROM a')).toBe('\\'))
  test('not after a blank line', () => expect(escape('\n# escape=`\nFROM a')).toBe('\\'))
  test('not after an unknown one', () => expect(escape('# frob=1\n# escape=`\nFROM a')).toBe('\\'))
  test('twice', () => expect(message(() => escape('# escape=`\n# escape=`\nFROM a'))).toStartWith('2: only one escape'))
  test('a bad value', () => expect(message(() => escape('# escape=x\nFROM a'))).toStartWith('1: the escape character'))
  test('are no comments', () => expect(first('# syntax=a\nFROM a').comments).toEqual([]))
  test('the escape continues lines', () => expect(texts('# escape=`\nRUN a `\n b\\')).toEqual(['RUN a  b\\']))
})

describe('heredocs', () => {
  test('body, name and rest', () => {
    const source = 'RUN <<EOF cat\none\n# two\nEOF\nCMD x'
    expect(first(source).heredocs[0]).toMatchObject({ name: 'EOF', expand: true, content: 'one\n# two\n' })
    expect(texts(source)).toHaveLength(2)
  })
  test('quoted, tabs stripped, several', () => {
    const [a, b] = first('COPY <<"A" <<-B /x/\n$1\nA\n\tb\n\tB\n').heredocs
    expect(a).toMatchObject({ name: 'A', expand: false, content: '$1\n' })
    expect(b).toMatchObject({ name: 'B', stripTabs: true, content: '\tb\n' })
  })
  test('in ONBUILD', () => expect(first('ONBUILD RUN <<E\nx\nE\n').trigger?.heredocs[0]?.content).toBe('x\n'))
  test('not in JSON form, not in CMD', () => {
    expect(first('RUN ["echo", "<<EOF"]').heredocs).toEqual([])
    expect(first('CMD echo <<EOF').heredocs).toEqual([])
  })
  test('unterminated', () => expect(message(() => first('RUN <<EOF\nx'))).toStartWith('1: unterminated heredoc'))
  test('with shell text behind', () => expect(first('RUN cat <<E; ls\nx\nE\n').heredocs[0]?.name).toBe('E'))
  test('a shift in the shell is none', () => expect(first('RUN echo $((1 << 2))').heredocs).toEqual([]))
})

describe('flags', () => {
  test('values, quotes, and the end of them', () => {
    const { flags, args } = first(`COPY --from=a --chown="b c" -- --x y`)
    expect(flags.map(({ name, value }) => [name, value])).toEqual([
      ['from', 'a'],
      ['chown', 'b c'],
    ])
    expect(args).toBe('--x y')
  })
})

describe('ranges', () => {
  const source = '\uFEFF# escape=\\\n  RUN --network=none \\\n # c\n  echo \\\n\n  hi  \nCOPY <<E /f\nx\nE\n'
  test('point at what was read', () => {
    const { statements, directives } = parseDockerfile(source)
    const run = statements[0]!
    expect(cut(source, directives[0]!.range)).toBe('# escape=\\')
    expect(cut(source, run.keywordRange)).toBe('RUN')
    expect(cut(source, run.flags[0]!.range)).toBe('--network=none')
    expect(cut(source, run.argsRange(0, run.args.length))).toBe('echo \\\n\n  hi')
    expect(cut(source, run.argsRange(0, 4))).toBe('echo')
    expect(cut(source, statements[1]!.range)).toBe('COPY <<E /f\nx\nE')
    expect(cut(source, statements[1]!.heredocs[0]!.range)).toBe('x\n')
    expect(run.location).toMatchObject({ line: 2, endLine: 6 })
  })
})

describe('instructions are refused at their line', () => {
  const refusal = (source: string): string => message(() => readStages(parseDockerfile(source)))
  for (const [source, wanted] of [
    ['FROM a\nFRUM b', '2: unknown instruction: FRUM'],
    ['ARG a', '1: the Dockerfile has no stage'],
    ['RUN a\nFROM b', '1: RUN before the first FROM'],
    ['FROM', '1: FROM requires'],
    ['FROM a AS', '1: FROM requires'],
    ['FROM a AS 1x', '1: invalid name for build stage'],
    ['FROM a\nENV', '2: ENV requires'],
    ['FROM a\nENV a', '2: ENV must have two'],
    ['FROM a\nENV a=1 b', '2: can\'t find = in "b"'],
    ['FROM a\nENV =b', '2: ENV names can not be blank'],
    ['FROM a\nCOPY a', '2: COPY requires at least two'],
    ['FROM a\nCOPY --frm=x a b', '2: unknown flag for COPY: --frm'],
    ['FROM a\nCOPY --from a b', '2: missing a value on flag: --from'],
    ['FROM a\nCOPY --from=a --from=b c d', '2: duplicate flag'],
    ['FROM a\nCOPY a <<EOF\nEOF\n', '2: COPY cannot accept a heredoc as a destination'],
    ['FROM a\nRUN --device=required y', '2: --device=required names no device'],
    ['FROM a\nRUN --network=mars y', '2: unsupported network mode'],
    ['FROM a\nCMD ["a", 1]', '2: an array of arguments in JSON'],
    ['FROM a\nCMD ["a", ["b"]]', '2: an array of arguments in JSON'],
    ['FROM a\nSHELL []', '2: SHELL requires at least one'],
    ['FROM a\nSHELL bash', '2: SHELL requires its arguments as a JSON array'],
    ['FROM a\nHEALTHCHECK NONE x', '2: HEALTHCHECK NONE takes no'],
    ['FROM a\nHEALTHCHECK --interval=1 CMD x', '2: missing unit'],
    ['FROM a\nHEALTHCHECK --interval=10us CMD x', '2: interval "interval" cannot be less than 1ms'],
    ['FROM a\nHEALTHCHECK FOO', '2: unknown type "FOO"'],
    ['FROM a\nONBUILD ONBUILD RUN x', '2: chaining ONBUILD'],
    ['FROM a\nONBUILD FROM x', "2: FROM isn't allowed"],
    ['FROM a\nONBUILD COPY x', '2: COPY requires'],
    ['FROM a\nVOLUME ""', 'nothing'],
    ['FROM a\nVOLUME [""]', '2: VOLUME cannot be'],
    ['FROM a\nUSER', '2: USER requires'],
    ['FROM a\nFROM b\nCOPY x', '3: COPY requires'],
  ] as const)
    test(source.replaceAll('\n', ' ⏎ '), () => expect(refusal(source)).toStartWith(wanted))

  test('with a hint where a typing error is likely', () => {
    try {
      readStages(parseDockerfile('FROM a\nENTRYPIONT x'))
    } catch (error) {
      expect((error as CairnError).hint).toBe('did you mean ENTRYPOINT?')
      expect((error as CairnError).location?.excerpt).toBe('ENTRYPIONT x')
    }
  })
})

describe('forms', () => {
  const read = (line: string): unknown => {
    const { statement: _, ...rest } = readStages(parseDockerfile(`FROM a\n${line}`)).stages[0]!.instructions[0]!
    return rest
  }
  const cmd = (line: string): unknown => (read(line) as { command: unknown }).command
  test('JSON', () => expect(cmd('CMD ["a", "b"]')).toEqual({ form: 'exec', args: ['a', 'b'] }))
  for (const almost of ['["a",]', "['a']", '["a" "b"]', '["a"] # x'])
    test(`${almost} is shell text`, () => expect(cmd(`CMD ${almost}`)).toEqual({ form: 'shell', text: almost }))
  test('nothing', () => expect(cmd('CMD')).toEqual({ form: 'shell', text: '' }))
  test('legacy ENV', () => {
    expect(read('ENV a  b c')).toEqual({ name: 'ENV', pairs: [{ key: 'a', value: 'b c', legacy: true }] })
  })
  test('ENV with quotes', () => {
    expect(read(`ENV a="b c" d=e\\ f`)).toMatchObject({ pairs: [{ value: '"b c"' }, { value: 'e\\ f' }] })
  })
})

describe('any input', () => {
  const line = fc.constantFrom(
    'FROM a',
    'RUN x \\',
    'RUN <<EOF',
    'EOF',
    '# escape=`',
    '# syntax=x',
    '',
    '\\',
    'COPY ["a","b"]',
    'ENV a="b',
    'ONBUILD RUN <<-"E F" x',
    '\tE F',
    'HEALTHCHECK --interval=1s CMD x',
    "ARG --x='y",
    'EXPOSE 1',
    '  # c',
  )
  const noise = fc.string({
    unit: fc.constantFrom(...Array.from('FROMRUN \\\n\r\t#="\'<$[]{},-`\u0085é')),
    maxLength: 60,
  })

  test('parses or is refused with a place', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          noise,
          fc.array(line, { maxLength: 12 }).map((lines) => lines.join('\n')),
        ),
        (source) => {
          try {
            readStages(parseDockerfile(source))
          } catch (error) {
            expect(error).toBeInstanceOf(CairnError)
            expect((error as CairnError).location).toBeDefined()
          }
        },
      ),
      { numRuns: 3000 },
    )
  })

  test('keywords and flags stand where their ranges say', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        const source = lines.join('\n')
        let statements: readonly Statement[] = []
        try {
          ;({ statements } = parseDockerfile(source))
        } catch {
          return
        }
        for (const s of statements) {
          if (s.keyword !== '') expect(cut(source, s.keywordRange)).toBe(s.keyword)
          for (const flag of s.flags) expect(cut(source, flag.range)).toStartWith(`--${flag.name}`)
          if (!s.args.includes('\\') && s.range.start.line === s.range.end.line)
            expect(cut(source, s.argsRange(0, s.args.length))).toBe(s.args)
        }
      }),
      { numRuns: 1000 },
    )
  })

  test('a long line of anything costs little', () => {
    for (const unit of [' ', '\\', '"', '<<', '--', '$', '#', '\t\\\n'])
      expect(message(() => parseDockerfile(`FROM a\nRUN ${unit.repeat(100_000)}`))).toBeString()
  })
})
