import { posix } from 'node:path'
import { fail } from '#base'
import { merge, tidied } from './definition/merge.ts'
import { overridden, type Override } from './definition/override.ts'
import { unknownName } from './definition/workspace.ts'
import type { Definitions, Group, Plan, Target } from './types.ts'

/** Resolves what is asked for: groups to targets, targets with what they inherit and what overrides them. */
export function planTargets(
  definitions: Definitions,
  wanted: readonly string[],
  overrides: readonly Override[] = [],
): Plan {
  return new Planner(definitions, overrides).plan(wanted.length > 0 ? wanted : ['default'])
}

class Planner {
  readonly #definitions: Definitions
  readonly #overrides: ReadonlyMap<string, readonly Override[]>
  readonly #resolved = new Map<string, Target>()
  readonly #groups = new Map<string, Group>()
  readonly #ordered = new Map<string, Target>()

  constructor(definitions: Definitions, overrides: readonly Override[]) {
    this.#definitions = definitions
    this.#overrides = this.#byTarget(overrides)
  }

  plan(wanted: readonly string[]): Plan {
    const names = wanted.flatMap((name) => this.#matching(name.replaceAll('.', '_')))
    const targets = names.flatMap((name) => this.#members(name, []))
    for (const target of targets) this.#order(target, [])
    // What is only read by others is not put out anywhere.
    for (const [name, target] of this.#ordered)
      if (!targets.includes(name)) this.#ordered.set(name, { ...target, output: [{ type: 'cacheonly' }] })
    const others = names.filter((name) => name !== 'default' || !this.#groups.has('default'))
    const before = this.#groups.get('default')
    if (before || others.length > 0)
      this.#groups.set('default', { ...before, targets: [...new Set([...(before?.targets ?? []), ...others])].sort() })
    return { groups: this.#groups, targets: this.#ordered }
  }

  /** The targets of a group, in their order, those of groups inside of it included. */
  #members(name: string, path: readonly string[]): string[] {
    if (path.includes(name))
      return fail('invalid_argument', `the group ${name} contains itself: ${[...path, name].join(' → ')}`)
    const group = this.#definitions.groups.get(name)
    if (!group) return [name]
    this.#groups.set(name, group)
    // A matrix or a group may be called like one of its own targets.
    return [
      ...new Set(group.targets.flatMap((inner) => (inner === name ? [inner] : this.#members(inner, [...path, name])))),
    ]
  }

  /** Puts a target behind those whose results it reads. */
  #order(name: string, path: readonly string[]): void {
    if (path.includes(name)) fail('invalid_argument', `targets read each other: ${[...path, name].join(' → ')}`)
    if (this.#ordered.has(name)) return
    const target = this.#target(name)
    const linked = Object.values(target.contexts ?? {}).flatMap((context) => /^target:(.*)$/s.exec(context)?.[1] ?? [])
    for (const other of linked) this.#order(other, [...path, name])
    // What those need granted, this one needs as well.
    const entitlements = linked.flatMap((other) => this.#ordered.get(other)?.entitlements ?? [])
    this.#ordered.set(name, entitlements.length > 0 ? merge(target, { entitlements }) : target)
  }

  #target(name: string): Target {
    const { inherits: _, ...own } = this.#inherited(name, [])
    const dockerfile = own.dockerfile === undefined || own.dockerfile === '' ? 'Dockerfile' : own.dockerfile
    return { ...own, context: cleaned(own.context ?? '.'), dockerfile }
  }

  #inherited(name: string, path: readonly string[]): Target {
    if (path.includes(name))
      return fail('invalid_argument', `targets inherit from each other: ${[...path, name].join(' → ')}`)
    const known = this.#resolved.get(name)
    if (known) return known
    const own = this.#definitions.targets.get(name) ?? unknownName('target', name, this.#definitions.targets.keys())
    let target: Target = {}
    for (const parent of own.inherits ?? []) target = merge(target, this.#inherited(parent, [...path, name]))
    target = tidied(overridden(merge(target, own), this.#overrides.get(name) ?? []))
    if (target.network === 'host') target = merge(target, { entitlements: ['network.host'] })
    this.#resolved.set(name, target)
    return target
  }

  #byTarget(overrides: readonly Override[]): ReadonlyMap<string, readonly Override[]> {
    const out = new Map<string, Override[]>()
    for (const override of overrides) {
      const names = matches(override.pattern, this.#definitions.targets.keys())
      if (names.length === 0) fail('not_found', `could not find any target matching '${override.pattern}'`)
      for (const name of names) out.set(name, [...(out.get(name) ?? []), override])
    }
    return out
  }

  #matching(name: string): readonly string[] {
    const { groups, targets } = this.#definitions
    if (groups.has(name) || targets.has(name) || !/[*?[]/.test(name)) return [name]
    const found = matches(name, [...groups.keys(), ...targets.keys()])
    return found.length > 0 ? found : fail('not_found', `could not find any target matching '${name}'`)
  }
}

/** The shortest way to say a path; other contexts as they are. */
function cleaned(path: string): string {
  if (/^([a-z-]+:\/\/|git@|github\.com\/)/.test(path)) return path
  return posix.normalize(path).replace(/(?<=.)\/+$/, '')
}

/** Names that a pattern of `*`, `?` and `[…]` matches. */
function matches(pattern: string, names: Iterable<string>): string[] {
  const all = [...names]
  if (all.includes(pattern)) return [pattern]
  const source = pattern
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  try {
    const expression = new RegExp(`^${source}$`)
    return all.filter((name) => expression.test(name))
  } catch {
    return fail('invalid_argument', `${JSON.stringify(pattern)} is no pattern`)
  }
}
