import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/**
 * A build that BuildKit and Cairn do, and whose results must agree. Cases are text, many to a file in `cases/`:
 *
 *     === a title, unique in its file
 *     % args: --build-arg A=1 --target one     flags of the command line; BuildKit gets the same in its own words
 *     % fails: 3: unknown flag                 both refuse it, Cairn at this line (0: no line) and with this text
 *     % stricter: 3: unknown flag              Cairn refuses it, BuildKit does not; why, in a comment above
 *     % laxer: yes                             BuildKit refuses it, Cairn does not; why, in a comment above
 *     % times: /x /y/z                         these files' modification times must agree as well
 *     % differs: history                       parts that do not agree, and why, in a comment above
 *     % buildah: no heredocs                   buildah 1.28 does otherwise, and how: it is not asked
 *     % call: check                            not a build: what --call=check, outline or targets print must agree
 *     % raw: "FROM busybox\r\n"                the Dockerfile as a JSON string, where white space matters
 *     FROM busybox                             the Dockerfile, up to the next line that begins with `--- ` or `=== `
 *     COPY a /a
 *     --- a                                    a file of the context
 *     text
 *     --- bin/b 755                            … with its mode
 *     --- c -> a                               a symbolic link
 *     --- d/                                   an empty directory
 *     --- e base64                             a file of any bytes
 *
 * Lines that begin with `//` before the first case and between `%` lines are comments. Images to begin with are
 * `busybox` and those of bases.ts. The Dockerfile is part of the context.
 */
export interface Case {
  readonly name: string
  readonly dockerfile: string
  readonly args: readonly string[]
  /** Where Cairn refuses it, and a part of its message. */
  readonly fails?: { readonly line: number; readonly text: string }
  readonly buildkitFails: boolean
  /** What buildah does otherwise, so that it is not asked. */
  readonly buildah?: string
  readonly call?: string
  readonly times: readonly string[]
  readonly differs: readonly string[]
  readonly files: readonly CaseFile[]
}

interface CaseFile {
  readonly path: string
  readonly text: string
  /** The text is base64. */
  readonly isEncoded?: boolean
  readonly mode?: number
  readonly link?: string
}

/** All cases in order, or those whose names `CAIRN_CASES` matches: `CAIRN_CASES='^heredoc' npm test …`. */
export function readCases(directory: string): Case[] {
  const wanted = new RegExp(process.env.CAIRN_CASES ?? '')
  return readdirSync(directory)
    .filter((name) => name.endsWith('.txt'))
    .toSorted()
    .flatMap((name) => parseCases(readFileSync(join(directory, name), 'utf8'), basename(name, '.txt')))
    .filter(({ name }) => wanted.test(name))
}

function parseCases(text: string, topic: string): Case[] {
  return `\n${text}`
    .split('\n=== ')
    .slice(1)
    .map((block) => parseCase(block, topic))
}

function parseCase(block: string, topic: string): Case {
  const lines = block.replace(/\n*$/, '\n').split('\n')
  const settings = new Map<string, string>()
  let at = 1
  for (; /^%|^\/\//.test(lines[at] ?? ''); at++) {
    const match = /^% (\w+): (.*)$/.exec(lines[at]!)
    if (match) settings.set(match[1]!, match[2]!)
    else if (lines[at]!.startsWith('%')) throw new Error(`${topic}: ${lines[0]}: cannot read ${lines[at]}`)
  }
  const [dockerfile = '', ...files] = `\n${lines.slice(at).join('\n')}`.split('\n--- ')
  const words = (key: string): string[] => settings.get(key)?.split(' ').filter(Boolean) ?? []
  const refusal = settings.get('fails') ?? settings.get('stricter')
  const fails = /^(\d+): (.+)$/.exec(refusal ?? '')
  if (refusal && !fails) throw new Error(`${topic}: ${lines[0]}: a refusal needs a line and a text`)
  return {
    name: `${topic}: ${lines[0]}`,
    dockerfile: settings.has('raw')
      ? (JSON.parse(settings.get('raw')!) as string)
      : dockerfile.slice(1) + (files.length > 0 ? '\n' : ''),
    args: splitArgs(settings.get('args') ?? ''),
    times: words('times'),
    differs: words('differs'),
    files: files.map(parseFile),
    ...(settings.has('buildah') ? { buildah: settings.get('buildah')! } : {}),
    ...(settings.has('call') ? { call: settings.get('call')! } : {}),
    buildkitFails: settings.has('fails') || settings.has('laxer'),
    ...(fails ? { fails: { line: Number(fails[1]), text: fails[2]! } } : {}),
  }
}

function parseFile(block: string): CaseFile {
  const [head = '', ...rest] = block.split('\n')
  const link = /^(.+) -> (.+)$/.exec(head)
  if (link) return { path: link[1]!, text: '', link: link[2]! }
  const encoded = /^(.+) base64$/.exec(head)
  if (encoded) return { path: encoded[1]!, text: rest.join(''), isEncoded: true }
  const [, path = '', mode] = /^(.*?)(?: ([0-7]{3,4}))?$/.exec(head) ?? []
  const text = rest.join('\n')
  return {
    path,
    text: text === '' || text.endsWith('\n') ? text : `${text}\n`,
    ...(mode === undefined ? {} : { mode: Number.parseInt(mode, 8) }),
  }
}

/** Words at blanks; double quotes keep blanks. */
function splitArgs(text: string): string[] {
  return [...text.matchAll(/(?:[^\s"]|"[^"]*")+/g)].map(([word]) => word.replaceAll('"', ''))
}

/** Puts a case's files, the Dockerfile among them, into a directory. */
export function writeContext(directory: string, { dockerfile, files }: Case): void {
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'Dockerfile'), dockerfile)
  for (const { path, text, isEncoded, mode, link } of files) {
    const full = join(directory, path)
    mkdirSync(path.endsWith('/') ? full : dirname(full), { recursive: true })
    if (link !== undefined) symlinkSync(link, full)
    else if (!path.endsWith('/')) writeFileSync(full, isEncoded ? Buffer.from(text, 'base64') : text)
    if (mode !== undefined) chmodSync(full, mode)
  }
}
