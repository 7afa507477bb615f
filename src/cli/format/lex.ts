import { fail } from '#base'

/** A piece of a template: text, or the tokens of one `{{ action }}`. */
export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly tokens: readonly Token[]; readonly source: string }

export interface Token {
  readonly kind: 'field' | 'variable' | 'string' | 'number' | 'word' | 'symbol'
  readonly text: string
}

const TOKEN =
  /\s+|(?<string>"(?:[^"\\]|\\.)*"|`[^`]*`)|(?<field>(?:\.[A-Za-z_][\w]*)+|\.)|(?<variable>\$\w*)|(?<number>-?\d+(?:\.\d+)?)|(?<word>[A-Za-z_]\w*)|(?<symbol>:=|[()|,=])/y

/** Cuts a template into text and actions; `{{-` and `-}}` take the white space beside them away. */
export function lex(template: string): readonly Piece[] {
  const pieces: Piece[] = []
  let at = 0
  let trimNext = false
  const text = (value: string): void => {
    if (value !== '') pieces.push({ kind: 'text', text: value })
  }
  for (;;) {
    const open = template.indexOf('{{', at)
    let before = template.slice(at, open < 0 ? undefined : open)
    if (trimNext) before = before.trimStart()
    if (open < 0) {
      text(before)
      return pieces
    }
    const close = closing(template, open + 2)
    let body = template.slice(open + 2, close)
    if (/^-\s/.test(body)) {
      before = before.trimEnd()
      body = body.slice(1)
    }
    trimNext = /\s-$/.test(body)
    if (trimNext) body = body.slice(0, -1)
    text(before)
    if (!/^\s*\/\*[\s\S]*\*\/\s*$/.test(body))
      pieces.push({ kind: 'action', tokens: tokens(body), source: body.trim() })
    at = close + 2
  }
}

/** Where the action's `}}` is, past any in its strings. */
function closing(template: string, from: number): number {
  const strings = /"(?:[^"\\]|\\.)*"|`[^`]*`|\}\}/g
  strings.lastIndex = from
  for (let match = strings.exec(template); match; match = strings.exec(template))
    if (match[0] === '}}') return match.index
  return fail('invalid_argument', `template parsing error: unclosed action: {{${template.slice(from, from + 30)}`)
}

function tokens(body: string): readonly Token[] {
  const found: Token[] = []
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < body.length) {
    const at = TOKEN.lastIndex
    const match = TOKEN.exec(body)
    if (!match)
      fail('invalid_argument', `template parsing error: unexpected ${JSON.stringify(body[at])} in {{${body.trim()}}}`)
    for (const [kind, text] of Object.entries(match.groups ?? {}))
      if (text !== undefined) found.push({ kind: kind as Token['kind'], text })
  }
  return found
}

/** Go's escapes in a quoted string; a raw string as it is. */
export function unquote(text: string): string {
  if (text.startsWith('`')) return text.slice(1, -1)
  return unescapeText(text.slice(1, -1))
}

/** `\t`, `\n` and their like, as docker reads them in a whole format too. */
export function unescapeText(text: string): string {
  const names: Record<string, string> = { n: '\n', t: '\t', r: '\r', '\\': '\\', '"': '"' }
  return text.replace(/\\([ntr\\"])/g, (_, letter: string) => names[letter]!)
}
