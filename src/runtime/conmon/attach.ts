import { join } from 'node:path'
import { checkCanceled, fail, messageOf, type Call } from '#base'
import { close, connectUnixSeqpacket, isErrno } from '#sys'
import type { AttachOptions, Attachment, Stream } from '../types.ts'
import { writeAll } from './output.ts'

/** The first byte of each packet that conmon sends. */
const STDOUT = 2
const STDERR = 3
/** What conmon reads at once: a longer packet would be cut. */
const PACKET = 8192
/** Packets held here before reading stops: half a megabyte. */
const QUEUE = 64

type Socket = Bun.Socket<undefined>

/**
 * Connects to the stdio of a container under a monitor. Output goes to the given descriptors, and
 * reading stops while those are full; so does the container, for conmon waits for its slowest
 * client. `done` rejects with EPIPE's error when an output is gone.
 */
export async function attach(dir: string, options: AttachOptions, call?: Call): Promise<Attachment> {
  checkCanceled(call)
  const fd = connectAttach(dir)
  const queue = outputQueue(options)
  const input = inputGate()
  let socket: Socket
  try {
    // The types know sockets by address only.
    socket = await Bun.connect({
      fd,
      socket: handlers(queue, input),
    } as unknown as Bun.TCPSocketConnectOptions<undefined>)
  } catch (error) {
    close(fd)
    return fail('unavailable', `cannot attach to the container: ${messageOf(error)}`, { cause: error })
  }
  const stdin = options.stdin === undefined || options.stdin === 'null' ? undefined : pump(options.stdin, socket, input)
  const dispose = (): void => {
    stdin?.cancel()
    input.close()
    socket.terminate()
    queue.close()
  }
  call?.signal?.addEventListener('abort', dispose, { once: true })
  const done = queue.done.finally(() => {
    call?.signal?.removeEventListener('abort', dispose)
    dispose()
  })
  done.catch(() => {}) // observed by whoever asks; never an unhandled rejection
  return { done, [Symbol.dispose]: dispose }
}

function handlers(queue: OutputQueue, input: InputGate): Bun.SocketHandler<undefined> {
  return {
    data: (peer, packet) => queue.push(peer, packet),
    drain: () => input.open(),
    end: () => queue.close(),
    close: () => {
      input.close()
      queue.close()
    },
    error: (_, error) => queue.fail(error),
  }
}

function connectAttach(dir: string): number {
  try {
    return connectUnixSeqpacket(join(dir, 'attach'))
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ECONNREFUSED')) throw error
    return fail('failed_precondition', 'the container is not running: there is nothing to attach to', { cause: error })
  }
}

interface OutputQueue {
  readonly done: Promise<void>
  push(peer: Socket, packet: Uint8Array): void
  close(): void
  fail(error: unknown): void
}

/** Packets to descriptors, in order, one writer. */
function outputQueue(options: AttachOptions): OutputQueue {
  const target = (stream: Stream | undefined): number | undefined => (typeof stream === 'number' ? stream : undefined)
  const targets = new Map([
    [STDOUT, target(options.stdout)],
    [STDERR, target(options.stderr)],
  ])
  const waiting: Uint8Array[] = []
  const { promise: done, resolve, reject } = Promise.withResolvers<void>()
  let writing = false
  let ended = false
  let paused: Socket | undefined

  async function drain(): Promise<void> {
    writing = true
    try {
      for (let packet = waiting.shift(); packet; packet = waiting.shift()) {
        const fd = targets.get(packet[0] ?? 0)
        if (fd !== undefined) await writeAll(fd, packet.subarray(1))
        if (paused && waiting.length === 0) {
          paused.resume()
          paused = undefined
        }
      }
      if (ended) resolve()
    } catch (error) {
      reject(error)
    } finally {
      writing = false
    }
  }
  return {
    done,
    push(peer, packet) {
      waiting.push(Buffer.from(packet))
      if (waiting.length >= QUEUE && !paused) {
        peer.pause()
        paused = peer
      }
      if (!writing) void drain()
    },
    close() {
      ended = true
      if (!writing) resolve()
    },
    fail: reject,
  }
}

interface InputGate {
  /** Resolves when the socket may take more; false when it is closed. */
  wait(): Promise<boolean>
  open(): void
  close(): void
}

function inputGate(): InputGate {
  let closed = false
  let waiting: ((open: boolean) => void) | undefined
  const settle = (open: boolean): void => {
    waiting?.(open)
    waiting = undefined
  }
  return {
    wait: () => (closed ? Promise.resolve(false) : new Promise((resolve) => (waiting = resolve))),
    open: () => settle(true),
    close: () => {
      closed = true
      settle(false)
    },
  }
}

/** Copies a descriptor to the socket in packets, then ends the sending side: the container reads its end of file. */
function pump(fd: number, socket: Socket, gate: InputGate): { cancel(): void } {
  const reader = Bun.file(fd).stream().getReader()
  const run = async (): Promise<void> => {
    for (;;) {
      const { value, done } = await reader.read()
      if (done) break
      for (let at = 0; at < value.length; at += PACKET) {
        if (!(await sendPacket(socket, value.subarray(at, at + PACKET), gate))) return
      }
    }
    socket.shutdown()
  }
  // Input that cannot be read, or that nobody reads any more, is no error of the output.
  run().catch(() => socket.shutdown())
  return { cancel: () => void reader.cancel().catch(() => {}) }
}

/** A packet is taken whole or not at all; a full socket says when it has room. */
async function sendPacket(socket: Socket, packet: Uint8Array, gate: InputGate): Promise<boolean> {
  for (;;) {
    const sent = socket.write(packet)
    if (sent === packet.length) return true
    if (sent < 0 || !(await gate.wait())) return false
  }
}
