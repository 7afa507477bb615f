import { fail } from '#base'
import { csvFields } from './csv.ts'

/** `type=oci,dest=x`: fields by name, in lower case; what a flag does not know is refused by {@link Attributes.end}. */
export class Attributes {
  readonly #flag: string
  readonly #fields: Map<string, string>

  constructor(text: string, flag: string) {
    this.#flag = flag
    this.#fields = new Map(
      csvFields(text).map((field) => {
        const equals = field.indexOf('=')
        if (equals <= 0)
          fail('invalid_argument', `invalid value ${JSON.stringify(field)} in ${flag}: expected name=value`)
        return [field.slice(0, equals).trim(), field.slice(equals + 1)] as const
      }),
    )
  }

  /** The value, once. */
  text(name: string): string | undefined {
    const value = this.#fields.get(name)
    this.#fields.delete(name)
    return value
  }

  required(name: string): string {
    return this.text(name) ?? fail('invalid_argument', `${this.#flag} needs ${name}=`)
  }

  /** As Go reads truth. */
  boolean(name: string): boolean | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    if (/^(?:1|t|true)$/i.test(value)) return true
    return /^(?:0|f|false)$/i.test(value) ? false : this.#invalid(name, value, 'true or false')
  }

  integer(name: string): number | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    return /^\d{1,9}$/.test(value) ? Number(value) : this.#invalid(name, value, 'a number')
  }

  choice<const T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    return choices.find((choice) => choice === value) ?? this.#invalid(name, value, choices.join(', '))
  }

  /** What is left whose name begins so, by the whole name. */
  starting(prefix: string): readonly (readonly [string, string])[] {
    const found = [...this.#fields].filter(([name]) => name.startsWith(prefix))
    for (const [name] of found) this.#fields.delete(name)
    return found
  }

  /** Nothing may be left. */
  end(): void {
    const [name] = this.#fields.keys()
    if (name !== undefined) fail('invalid_argument', `${this.#flag} knows no option ${JSON.stringify(name)}`)
  }

  #invalid(name: string, value: string, expected: string): never {
    return fail('invalid_argument', `invalid ${name}=${value} in ${this.#flag}: expected ${expected}`)
  }
}
