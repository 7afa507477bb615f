import type { ByteStream } from '#base'

/** Tells a producer that nobody will read: it lets go of what it holds. */
export async function letGo(bytes: ByteStream): Promise<void> {
  await bytes[Symbol.asyncIterator]().return?.()
}
