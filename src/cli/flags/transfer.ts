import { fail } from '#base'

/** `--jobs N`, where it was given. */
export function jobs(text: string | undefined): { readonly jobs?: number } {
  if (text === undefined) return {}
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0
  return count > 0 ? { jobs: count } : fail('invalid_argument', `--jobs ${text}: a number from 1 to 999 is meant`)
}

/** A flag that may be given several times, and hold several values with commas between them. */
export function listOf(values: readonly string[]): readonly string[] {
  return values.flatMap((value) => value.split(',')).filter((value) => value !== '')
}
