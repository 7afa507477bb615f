import { fileSink, type ErofsSink } from '#codec'
import { openDirect } from '#content'
import { startWriteback } from '#sys'

/** Writes a layer file; large pieces of lent memory on another thread, while the caller's hashes what comes next. */
export interface WriteBehind extends ErofsSink {
  /**
   * Until `lent` is called again, bytes within `memory` stay as they are until the promise that `lent` then answers
   * with. Everything else is written before `write` returns.
   */
  lend(memory: ArrayBufferLike): void
  /** When what was written from lent memory since is in the file; undefined if it all is. */
  lent(): Promise<void> | undefined
  /** When every write has ended, whether it failed or not. */
  settled(): Promise<void>
}

/** Smaller pieces are written sooner than a thread is told of them. */
const LARGE = 128 << 10
/** Bytes after which the kernel is asked to begin writing: the sync at the end is then short. */
const WRITEBACK = 16 << 20

/** With the file's path, large pieces go past the page cache. */
export function writeBehind(fd: number, path?: string): WriteBehind {
  const large = openDirect(fd, path)
  const plain = fileSink(fd)
  const running = new Set<Promise<void>>()
  let memory: ArrayBufferLike | undefined
  let since: Promise<void>[] = []
  let begun = 0
  const written = (end: number): void => {
    if (end - begun < WRITEBACK) return
    startWriteback(fd, begun, end - begun)
    begun = end
  }
  const onThread = (bytes: Uint8Array, position: number): void => {
    const task = large.write(bytes, position).then((isWritten) => {
      if (!isWritten) written(position + bytes.length)
    })
    running.add(task)
    since.push(task)
    task.catch(() => undefined).finally(() => running.delete(task))
  }
  return {
    read: (bytes, position) => plain.read(bytes, position),
    write(bytes, position) {
      if (bytes.length >= LARGE && bytes.buffer === memory) return onThread(bytes, position)
      plain.write(bytes, position)
      written(position + bytes.length)
    },
    lend: (lent) => void (memory = lent),
    lent() {
      memory = undefined
      const tasks = since
      since = []
      return tasks.length > 0 ? Promise.all(tasks).then(() => undefined) : undefined
    },
    settled: async () => {
      await Promise.allSettled(running)
      large.close()
    },
  }
}
