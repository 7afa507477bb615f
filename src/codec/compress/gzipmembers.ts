import { fail } from '#base'

/** Compresses blocks as gzip members, several at once; the same bytes wherever a block is compressed. */
export interface GzipMembers extends Disposable {
  /** Compresses the first `length` bytes. The buffer is taken away; it comes back with {@link spare}. */
  compress(block: Uint8Array<ArrayBuffer>, length: number, level: number): Promise<Uint8Array>
  /** A buffer of `size` bytes, one that was used before if there is any. */
  spare(size: number): Uint8Array<ArrayBuffer>
}

interface Task {
  readonly block: Uint8Array<ArrayBuffer>
  readonly length: number
  readonly level: number
}

interface Done {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly block: Uint8Array<ArrayBuffer>
}

/** The part of Bun that is used here: libdeflate takes half of zlib's time for the same size, on every processor the same. */
interface LibDeflate {
  gzipSync(data: Uint8Array, options: { level: number; library: 'libdeflate' }): Uint8Array<ArrayBuffer>
}

const runtime = (): LibDeflate | undefined => (globalThis as { readonly Bun?: LibDeflate }).Bun

/** What a worker runs: {@link member} in other words, for a worker has no imports. */
const PROGRAM = `self.onmessage = ({ data: { block, length, level } }) => {
  const bytes = Bun.gzipSync(block.subarray(0, length), { level, library: 'libdeflate' })
  self.postMessage({ bytes, block }, [bytes.buffer, block.buffer])
}`

/** One block as one member, in this thread where there is libdeflate, else in one of zlib's. */
export async function member(bytes: Uint8Array, level: number): Promise<Uint8Array> {
  const bun = runtime()
  if (bun) return bun.gzipSync(bytes, { level, library: 'libdeflate' })
  const { gzip } = process.getBuiltinModule('node:zlib')
  return new Promise((resolve, reject) => {
    gzip(bytes, { level }, (error, result) => (error ? reject(error) : resolve(result)))
  })
}

/** As many workers as asked for; where there is no libdeflate, the runtime's own threads. */
export function openGzipMembers(workers: number): GzipMembers {
  const spares: Uint8Array<ArrayBuffer>[] = []
  const spare = (size: number): Uint8Array<ArrayBuffer> => spares.pop() ?? new Uint8Array(size)
  if (!runtime() || workers < 2)
    return {
      spare,
      compress: async (block, length, level) => {
        const bytes = await member(block.subarray(0, length), level)
        spares.push(block)
        return bytes
      },
      [Symbol.dispose]: () => undefined,
    }
  const url = URL.createObjectURL(new Blob([PROGRAM], { type: 'text/javascript' }))
  const idle = Array.from({ length: workers }, () => new Worker(url))
  const all = [...idle]
  const waiting: ((worker: Worker) => void)[] = []
  const run = async (worker: Worker, task: Task): Promise<Done> =>
    new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data as Done)
      worker.onerror = ({ message }) => reject(new Error(message))
      worker.postMessage(task, [task.block.buffer])
    })
  return {
    spare,
    compress: async (block, length, level) => {
      const worker = idle.pop() ?? (await new Promise<Worker>((resolve) => waiting.push(resolve)))
      try {
        const done = await run(worker, { block, length, level })
        spares.push(done.block)
        return done.bytes
      } catch (cause) {
        return fail('internal', `gzip: ${String(cause)}`, { cause })
      } finally {
        const next = waiting.shift()
        if (next) next(worker)
        else idle.push(worker)
      }
    },
    [Symbol.dispose]: () => {
      for (const worker of all) worker.terminate()
      URL.revokeObjectURL(url)
    },
  }
}
