import type { SourceLocation } from '#base'
import type { CheckReport, SourceFile } from '#engine'
import { document, locationOf, sourceData } from './json.ts'

/** As `docker build --check` prints it. */
export function checkText({ source, findings, error }: CheckReport): string {
  const count = findings.length === 1 ? '1 warning has' : `${findings.length} warnings have`
  const head = findings.length > 0 ? `Check complete, ${count} been found!\n` : ''
  const warnings = findings.map(
    ({ rule, url, detail, location }) =>
      `\nWARNING: ${rule}${url === undefined ? '' : ` - ${url}`}\n${detail}\n${framed(source, location)}`,
  )
  if (!error && findings.length === 0) return 'Check complete, no warnings found.\n'
  const failure = error ? `${findings.length > 0 ? '\n' : ''}ERROR: ${error.message}\n${errorPlace(source, error)}` : ''
  return head + warnings.join('') + failure
}

function errorPlace(source: SourceFile, { location }: NonNullable<CheckReport['error']>): string {
  return location ? framed(source, location) : ''
}

/** The lines between two rules, marked where it is, with two neighbours each way; one where several lines are marked. */
function framed({ name }: SourceFile, location: SourceLocation): string {
  const { line, excerpt = '', around = { before: [], after: [] } } = location
  const marked = excerpt.split('\n')
  const first = line - around.before.length
  const lines = [...around.before, ...marked, ...around.after].map((text, i) => {
    const isMarked = first + i >= line && first + i < line + marked.length
    return ` ${String(first + i).padStart(3)} | ${isMarked ? '>>>' : '   '} ${text}\n`
  })
  return `${name}:${line}\n${FRAME}${lines.join('')}${FRAME}`
}

const FRAME = `${'-'.repeat(20)}\n`

export function checkJson({ source, findings, error }: CheckReport): string {
  return document({
    warnings: findings.map(({ rule, description, url, detail, location }) => ({
      ruleName: rule,
      description,
      ...(url === undefined ? {} : { url }),
      detail,
      location: locationOf(location),
    })),
    sources: [{ filename: source.name, language: 'Dockerfile', data: sourceData(source) }],
    ...(error
      ? { buildError: { message: error.message, location: error.location ? locationOf(error.location) : {} } }
      : {}),
  })
}
