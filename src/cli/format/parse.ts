import { fail } from '#base'
import { lex, unquote, type Piece, type Token } from './lex.ts'

/** A template as a tree. */
export type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly pipe: Pipe }
  | { readonly kind: 'set'; readonly name: string; readonly pipe: Pipe }
  | {
      readonly kind: 'if' | 'with'
      readonly pipe: Pipe
      readonly body: readonly Part[]
      readonly otherwise: readonly Part[]
    }
  | {
      readonly kind: 'range'
      readonly pipe: Pipe
      readonly variables: readonly string[]
      readonly body: readonly Part[]
      readonly otherwise: readonly Part[]
    }

/** Commands whose result is the next one's last argument. */
export type Pipe = readonly Operand[][]

export type Operand =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'field'; readonly from: Operand | undefined; readonly path: readonly string[] }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'function'; readonly name: string }
  | { readonly kind: 'pipe'; readonly pipe: Pipe }

/** Parses Go's template language as far as listings use it; anything else is `invalid_argument` with its place. */
export function parseTemplate(template: string): readonly Part[] {
  const pieces = lex(template)
  const state = { at: 0 }
  const parts = block(pieces, state, [])
  if (state.at < pieces.length) wrong('unexpected {{end}} or {{else}}')
  return parts
}

function wrong(what: string): never {
  fail('invalid_argument', `template parsing error: ${what}`)
}

/** Parts up to an action that begins with one of `ends`, which is left to the caller. */
function block(pieces: readonly Piece[], state: { at: number }, ends: readonly string[]): Part[] {
  const parts: Part[] = []
  for (; state.at < pieces.length; state.at++) {
    const piece = pieces[state.at]!
    if (piece.kind === 'text') {
      parts.push(piece)
      continue
    }
    const [first] = piece.tokens
    const word = first?.kind === 'word' ? first.text : ''
    if (word === 'end' || word === 'else') {
      if (!ends.includes(word)) wrong(`unexpected {{${word}}}`)
      return parts
    }
    if (word === 'if' || word === 'with' || word === 'range') parts.push(control(pieces, state, word))
    else parts.push(action(piece.tokens, piece.source))
  }
  if (ends.length > 0) wrong('unexpected end of template: {{end}} is missing')
  return parts
}

function control(pieces: readonly Piece[], state: { at: number }, word: 'if' | 'with' | 'range', skip = 1): Part {
  const piece = pieces[state.at]!
  if (piece.kind !== 'action') return wrong('internal')
  let tokens = piece.tokens.slice(skip)
  const variables: string[] = []
  if (word === 'range') {
    const assign = tokens.findIndex((token) => token.text === ':=')
    if (assign >= 0) {
      for (const token of tokens.slice(0, assign)) if (token.kind === 'variable') variables.push(token.text)
      tokens = tokens.slice(assign + 1)
    }
  }
  const condition = pipe(tokens, piece.source)
  state.at++
  const body = block(pieces, state, ['else', 'end'])
  let otherwise: readonly Part[] = []
  const stop = pieces[state.at]
  if (stop?.kind === 'action' && stop.tokens[0]?.text === 'else') {
    const next = stop.tokens[1]?.text
    // `{{else if …}}` is an `if` inside the `else` that shares its `{{end}}`.
    if (next === 'if' || next === 'with') otherwise = [control(pieces, state, next, 2)]
    else {
      state.at++
      otherwise = block(pieces, state, ['end'])
    }
  }
  return word === 'range'
    ? { kind: 'range', pipe: condition, variables, body, otherwise }
    : { kind: word, pipe: condition, body, otherwise }
}

function action(tokens: readonly Token[], source: string): Part {
  const [first, second] = tokens
  if (first?.kind === 'variable' && (second?.text === ':=' || second?.text === '='))
    return { kind: 'set', name: first.text, pipe: pipe(tokens.slice(2), source) }
  return { kind: 'print', pipe: pipe(tokens, source) }
}

function pipe(tokens: readonly Token[], source: string): Pipe {
  const commands: Operand[][] = [[]]
  let at = 0
  while (at < tokens.length) {
    const token = tokens[at++]!
    const last = commands.at(-1)!
    if (token.text === '|' && token.kind === 'symbol') commands.push([])
    else if (token.text === '(' && token.kind === 'symbol') {
      const close = matching(tokens, at, source)
      let operand: Operand = { kind: 'pipe', pipe: pipe(tokens.slice(at, close), source) }
      at = close + 1
      const next = tokens[at]
      if (next?.kind === 'field' && next.text !== '.') {
        operand = { kind: 'field', from: operand, path: next.text.slice(1).split('.') }
        at++
      }
      last.push(operand)
    } else if (token.kind === 'variable' && tokens[at]?.kind === 'field' && tokens[at]!.text !== '.')
      last.push({
        kind: 'field',
        from: { kind: 'variable', name: token.text },
        path: tokens[at++]!.text.slice(1).split('.'),
      })
    else last.push(operandOf(token, source))
  }
  if (commands.some((command) => command.length === 0)) wrong(`missing value for command in {{${source}}}`)
  return commands
}

function matching(tokens: readonly Token[], from: number, source: string): number {
  let depth = 1
  for (let i = from; i < tokens.length; i++) {
    if (tokens[i]!.kind !== 'symbol') continue
    if (tokens[i]!.text === '(') depth++
    else if (tokens[i]!.text === ')' && --depth === 0) return i
  }
  return wrong(`unclosed parenthesis in {{${source}}}`)
}

function operandOf(token: Token, source: string): Operand {
  switch (token.kind) {
    case 'string':
      return { kind: 'value', value: unquote(token.text) }
    case 'number':
      return { kind: 'value', value: Number(token.text) }
    case 'field':
      return { kind: 'field', from: undefined, path: token.text === '.' ? [] : token.text.slice(1).split('.') }
    case 'variable':
      return { kind: 'variable', name: token.text }
    case 'word':
      if (token.text === 'true' || token.text === 'false') return { kind: 'value', value: token.text === 'true' }
      if (token.text === 'nil') return { kind: 'value', value: null }
      return { kind: 'function', name: token.text }
    case 'symbol':
      return wrong(`unexpected ${JSON.stringify(token.text)} in {{${source}}}`)
  }
}
