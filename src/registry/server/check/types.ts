/** How a check against a registry ended. */
export interface CheckResult {
  /** `push: a chunk out of order is refused`. */
  readonly name: string
  /** `skip`: the specification leaves it open, and the registry does without. */
  readonly status: 'pass' | 'fail' | 'skip'
  /** Why, unless it passed: what was expected and what came. */
  readonly reason?: string
}

export interface CheckReport {
  readonly results: readonly CheckResult[]
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

export interface CheckOptions {
  /** Two repositories that may be written to. Default `cairn-check/one` and `cairn-check/two`. */
  readonly repositories?: readonly [string, string]
  /** Sends the requests: the way to log in. Default: `fetch` without following redirects of writes. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>
  /** Told of each result as it comes. */
  readonly onResult?: (result: CheckResult) => void
}

/** One check. It throws {@link CheckFailure} or {@link NotOffered}; returning is passing. */
export interface Check {
  readonly name: string
  readonly run: (on: Subject) => Promise<void>
}

/** The registry under check, and helpers to speak with it. */
export interface Subject {
  readonly one: string
  readonly two: string
  readonly send: (method: string, path: string, init?: SendInit) => Promise<Response>
  /** Puts a blob in place by POST and PUT, and returns its digest. */
  readonly pushBlob: (repository: string, bytes: Uint8Array) => Promise<string>
  /** A small image, its blobs in place; nothing else has the same bytes. */
  readonly image: (repository: string, extra?: object) => Promise<Made>
  readonly pushManifest: (repository: string, reference: string, made: Made) => Promise<Response>
}

export interface SendInit {
  readonly body?: Uint8Array | string
  readonly headers?: Readonly<Record<string, string>>
}

/** A document with its name. */
export interface Made {
  readonly bytes: Uint8Array
  readonly digest: string
  readonly mediaType: string
}

/** What came is not what the specification asks for. */
export class CheckFailure extends Error {
  override readonly name = 'CheckFailure'
}

/** The registry does without something that the specification leaves open. */
export class NotOffered extends Error {
  override readonly name = 'NotOffered'
}
