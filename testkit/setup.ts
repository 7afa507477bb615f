import { afterAll, beforeAll } from 'bun:test'

/** What is handed to it is disposed after the last test, in reverse. */
export type Use = <T extends Disposable | AsyncDisposable>(resource: T) => T

/** Milliseconds that it may take: a peer that is a Go module is built the first time. */
const PATIENCE = 900_000

/**
 * Makes what the tests of a file share before the first of them, and not at all when they are skipped. When making
 * something fails, what was made before it is disposed all the same.
 */
export function setUp(skip: boolean, make: (use: Use) => Promise<void>): void {
  if (skip) return
  const shared = new AsyncDisposableStack()
  beforeAll(() => make((resource) => shared.use(resource)), PATIENCE)
  afterAll(() => shared.disposeAsync(), PATIENCE)
}
