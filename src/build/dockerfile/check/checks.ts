import { fail, type SourceLocation } from '#base'
import type { Statement } from '../syntax.ts'
import { withComments, type CheckOptions } from './options.ts'
import { RULES, type RuleName } from './rules.ts'

/** What a check found. */
export interface Finding {
  readonly rule: RuleName
  readonly description: string
  readonly url?: string
  /** What is wrong here. */
  readonly detail: string
  readonly location: SourceLocation
}

/** Collects what the checks of one build find, less what the Dockerfile wants skipped. */
export class Checks {
  readonly #options: CheckOptions
  readonly #list: Finding[] = []

  constructor(options: CheckOptions) {
    this.#options = options
  }

  /** In the order of lines. */
  get findings(): readonly Finding[] {
    return this.#list.toSorted((a, b) => a.location.line - b.location.line)
  }

  /** A finding under the whole file's options. */
  add(rule: RuleName, location: SourceLocation, detail: string): void {
    this.#addUnder(this.#options, rule, location, detail)
  }

  /** A finding in an instruction, whose comments may have it skipped. */
  addIn({ comments, location }: Statement, rule: RuleName, detail: string, at: SourceLocation = location): void {
    this.#addUnder(withComments(this.#options, comments), rule, at, detail)
  }

  /** `error=true`: an error where anything was found. */
  refuse(): void {
    if (!this.#options.error || this.#list.length === 0) return
    const rules = [...new Set(this.findings.map(({ rule }) => rule))]
    fail('failed_precondition', `lint violation found for rules: ${rules.join(', ')}`, {
      location: this.findings[0]!.location,
    })
  }

  #addUnder(options: CheckOptions, name: RuleName, location: SourceLocation, detail: string): void {
    const { description, url, experimental } = RULES[name]
    const { skip } = options
    const asked = options.experimental === 'all' || options.experimental.has(name)
    if (experimental ? !asked : skip === 'all' || skip.has(name)) return
    this.#list.push({ rule: name, description, ...(url === undefined ? {} : { url }), detail, location })
  }
}
