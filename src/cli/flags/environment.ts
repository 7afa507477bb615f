import { readFileSync } from 'node:fs'
import { fail, reasonOf } from '#base'
import { invalidValue } from './invalidvalue.ts'

/** `-e NAME=value` as it is; `-e NAME` takes the caller's value, and nothing when there is none. */
export function environment(given: readonly string[], files: readonly string[], flag = '--env'): readonly string[] {
  const all = [...files.flatMap(envFile), ...given]
  const result: string[] = []
  for (const item of all) {
    if (item === '' || item.startsWith('=')) invalidValue(item, flag, 'NAME=value or NAME')
    if (item.includes('=')) result.push(item)
    else if (process.env[item] !== undefined) result.push(`${item}=${process.env[item]}`)
  }
  return result
}

/** Lines of `NAME=value` or `NAME`; blank ones and those that begin with `#` are skipped; values are taken as they are. */
export function envFile(path: string): readonly string[] {
  return lines(path, 'env file', 'variable')
}

/** The same of any file of `NAME=value`: `kind` and `member` are what messages call it. */
export function lines(path: string, kind = 'label file', member = 'label'): readonly string[] {
  const result: string[] = []
  for (const [index, raw] of readText(path, kind).split('\n').entries()) {
    const line = raw.replace(/\r$/, '').trimStart()
    if (line === '' || line.startsWith('#')) continue
    const refuse = (why: string): never =>
      fail('invalid_argument', `${kind} ${path}: ${why}`, {
        location: { file: path, line: index + 1, excerpt: raw },
      })
    const name = line.split('=', 1)[0]!
    if (name === '' || /\s/.test(name.trimEnd()) || name !== name.trimEnd())
      refuse(`${member} ${JSON.stringify(name)} contains whitespace or is empty`)
    if (line.includes('\0')) refuse(`${member} ${JSON.stringify(name)} contains a zero byte`)
    result.push(line)
  }
  return result
}

/** A byte order mark is dropped; what is no UTF-8 could only be passed on changed. */
function readText(path: string, kind: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))
  } catch (error) {
    const reason = error instanceof TypeError ? 'its bytes are no UTF-8' : reasonOf(error)
    return fail('invalid_argument', `${kind} ${path}: ${reason}`, { cause: error })
  }
}

/** `--label NAME=value`, `--build-arg NAME=value`: later ones win; a bare name is an empty value. */
export function pairs(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((item) => {
      const equals = item.indexOf('=')
      return equals < 0 ? [item, ''] : [item.slice(0, equals), item.slice(equals + 1)]
    }),
  )
}
