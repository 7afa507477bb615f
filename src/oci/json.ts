import { fail } from '#base'

/** Bytes of one manifest, index or config: what registries accept (distribution-spec recommends 4 MiB). */
export const DOCUMENT_LIMIT: number = 4 * 1024 * 1024
/** Nesting of objects and arrays; real documents stay under 10. */
const DEPTH_LIMIT = 64

/** An object as JSON has it: nothing is known of its members. */
export type JsonObject = Readonly<Record<string, unknown>>

/** Parses an untrusted JSON object of bounded size and depth; `what` names it in errors. */
export function parseObject(bytes: Uint8Array, what: string): JsonObject {
  return asObject(parseJson(bytes, what), what)
}

/** Parses untrusted JSON of bounded size and depth. */
export function parseJson(bytes: Uint8Array, what: string): unknown {
  if (bytes.length > DOCUMENT_LIMIT)
    fail('resource_exhausted', `${what} has ${bytes.length} bytes; at most ${DOCUMENT_LIMIT} are allowed`)
  checkDepth(bytes, what)
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    return fail('invalid_argument', `${what} is not valid JSON`, { cause })
  }
}

/** Counts brackets outside strings, so that the recursive parser never sees a nest that could exhaust its stack. */
function checkDepth(bytes: Uint8Array, what: string): void {
  let depth = 0
  let inString = false
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]
    if (inString) {
      if (byte === 0x5c) i++
      else if (byte === 0x22) inString = false
    } else if (byte === 0x22) inString = true
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > DEPTH_LIMIT) fail('resource_exhausted', `${what} nests deeper than ${DEPTH_LIMIT} levels`)
    } else if (byte === 0x7d || byte === 0x5d) depth--
  }
}

/** The value as an object; `invalid_argument` for anything else, arrays and null included. `what` names it. */
export function asObject(value: unknown, what: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject
  return fail('invalid_argument', `${what} must be an object`)
}

/** The array; null (Go's nil slice) and absence read as empty. */
export function asArray(value: unknown, what: string): readonly unknown[] {
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? value : fail('invalid_argument', `${what} must be an array`)
}

/** The value as a string; `invalid_argument` for anything else. */
export function asString(value: unknown, what: string): string {
  return typeof value === 'string' ? value : fail('invalid_argument', `${what} must be a string`)
}

/** The value as a list of strings; null and absence read as empty, as in {@link asArray}. */
export function asStrings(value: unknown, what: string): readonly string[] {
  return asArray(value, what).map((item, i) => asString(item, `${what}[${i}]`))
}

/** The value as an object whose members are all strings. */
export function asStringMap(value: unknown, what: string): Readonly<Record<string, string>> {
  const object = asObject(value, what)
  for (const [key, item] of Object.entries(object)) asString(item, `${what}[${JSON.stringify(key.slice(0, 100))}]`)
  return object as Readonly<Record<string, string>>
}

/** A whole number from 0 to 2^53 - 1. */
export function asSize(value: unknown, what: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  return fail('invalid_argument', `${what} must be a whole number of bytes`)
}

/**
 * The object with its present members replaced by what their checks return; members without a
 * check stay as they are, and those that are null, absent to everyone who writes them, are dropped.
 */
export function checked(
  object: JsonObject,
  what: string,
  checks: Readonly<Record<string, (value: unknown, what: string) => unknown>>,
): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(object)) {
    if (value === null) continue
    const check = Object.hasOwn(checks, key) ? checks[key] : undefined
    // defineProperty: a member named __proto__ stays a member.
    Object.defineProperty(out, key, {
      value: check ? check(value, `${what}.${key}`) : value,
      enumerable: true,
      writable: true,
      configurable: true,
    })
  }
  return out
}
