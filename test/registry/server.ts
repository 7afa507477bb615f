import { openDirectoryStorage, serveRegistry } from '#registry/server'
import type { RegistryConfig, RunningRegistry } from '#registry/server'
import { tempDir } from '#testkit'

/** A registry of its own for a test: a free port, a directory that goes with it. */
export interface TestRegistry extends AsyncDisposable {
  readonly url: string
  /** `127.0.0.1:port`, as image names have it. */
  readonly host: string
  readonly root: string
  readonly running: RunningRegistry
}

export async function startRegistry(
  config: RegistryConfig = {},
  options: { readonly now?: () => number; readonly root?: string } = {},
): Promise<TestRegistry> {
  const dir = options.root === undefined ? tempDir('cairn-registry-') : undefined
  const root = options.root ?? dir!.path
  const storage = openDirectoryStorage({ root, ...(options.now ? { now: options.now } : {}) })
  const running = await serveRegistry({ config: { port: 0, ...config }, storage }).catch(async (error: unknown) => {
    await storage[Symbol.asyncDispose]()
    dir?.[Symbol.dispose]()
    throw error
  })
  return {
    url: running.url,
    host: running.url.replace(/^https?:\/\//, ''),
    root,
    running,
    [Symbol.asyncDispose]: async () => {
      await running.stop(1000)
      dir?.[Symbol.dispose]()
    },
  }
}
