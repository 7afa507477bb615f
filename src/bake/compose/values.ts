import { fail } from '#base'
import { parseEntry } from '../definition/fields.ts'
import type { Entry, Target } from '../types.ts'
import { pairsAt, type Tree } from './tree.ts'

/** Services are called by names that may have dots; targets are not. */
export function targetName(service: string): string {
  return service.replaceAll('.', '_')
}

/** `service:NAME` is the target of that service. */
export function named(value: Tree | undefined, path: string): Record<string, string> | undefined {
  return filled(
    [...pairsAt(value, path)].map(([name, context]) => {
      const link = /^(?:service|target):(.*)$/s.exec(context ?? '')
      return [name, link ? `target:${targetName(link[1]!)}` : (context ?? '')] as const
    }),
  )
}

/** An entry as its flag takes it; `path` is where it stands. */
export function entry(name: keyof Target, text: string, path: string): Entry {
  try {
    return parseEntry(name, text)
  } catch {
    return fail('invalid_argument', `${path}: ${JSON.stringify(text)} is no value of ${name}`)
  }
}

/** Undefined for none; those without a value are left out. */
export function filled(pairs: readonly (readonly [string, string | undefined])[]): Record<string, string> | undefined {
  const known = pairs.filter(([, value]) => value !== undefined) as (readonly [string, string])[]
  return known.length === 0 ? undefined : Object.fromEntries(known)
}

export function unique(items: readonly string[] | undefined): readonly string[] | undefined {
  return items && [...new Set(items)]
}
