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
  let content: string
  try {
    content = readFileSync(path, 'utf8')
  } catch (error) {
    return fail('invalid_argument', `env file ${path}: ${reasonOf(error)}`, { cause: error })
  }
  const lines: string[] = []
  for (const [index, raw] of content
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    const line = raw.replace(/\r$/, '').trimStart()
    if (line === '' || line.startsWith('#')) continue
    const name = line.split('=', 1)[0]!
    if (name === '' || /\s/.test(name.trimEnd()) || name !== name.trimEnd())
      fail('invalid_argument', `env file ${path}: variable ${JSON.stringify(name)} contains whitespace or is empty`, {
        location: { file: path, line: index + 1, excerpt: raw },
      })
    lines.push(line)
  }
  return lines
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
