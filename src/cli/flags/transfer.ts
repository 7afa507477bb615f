import { fail } from '#base'
import type { Platform } from '#oci'
import type { Values } from '../command.ts'
import { invalidValue } from './invalidvalue.ts'

/** `--jobs N`, where it was given. */
export function jobs(text: string | undefined): { readonly jobs?: number } {
  if (text === undefined) return {}
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0
  return count > 0 ? { jobs: count } : invalidValue(text, '--jobs', 'a number from 1 to 999')
}

/** A flag that may be given several times, and hold several values with commas between them. */
export function listOf(values: readonly string[]): readonly string[] {
  return values.flatMap((value) => value.split(',')).filter((value) => value !== '')
}

/** `KEY=VALUE` texts as annotations; the value may be empty, the key not. */
export function annotationsOf(texts: readonly string[]): Readonly<Record<string, string>> {
  const entries = texts.map((text): [string, string] => {
    const at = text.indexOf('=')
    return at > 0
      ? [text.slice(0, at), text.slice(at + 1)]
      : fail('invalid_argument', `not an annotation: ${JSON.stringify(text)}`, { hint: 'write KEY=VALUE' })
  })
  return Object.fromEntries(entries)
}

/** docker manifest annotate's flags. */
export const platformFlags = {
  arch: { type: 'string', help: 'Set architecture' },
  os: { type: 'string', help: 'Set operating system' },
  'os-features': { type: 'string', multiple: true, value: 'list', help: 'Set operating system feature' },
  'os-version': { type: 'string', help: 'Set operating system version' },
  variant: { type: 'string', help: 'Set architecture variant' },
} as const

/** What of a platform the flags set; undefined for nothing. */
export function platformOf(values: Values<typeof platformFlags>): Partial<Platform> | undefined {
  const { arch, os, variant } = values
  const platform: Partial<Platform> = {
    ...(arch === undefined ? {} : { architecture: arch }),
    ...(os === undefined ? {} : { os }),
    ...(variant === undefined ? {} : { variant }),
    ...(values['os-version'] === undefined ? {} : { 'os.version': values['os-version'] }),
    ...(values['os-features'] ? { 'os.features': listOf(values['os-features']) } : {}),
  }
  return Object.keys(platform).length > 0 ? platform : undefined
}
