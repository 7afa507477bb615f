import { connect, type NetConnectOpts, type Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { fail } from '#base'
import { decodeFrames, encodeFrame, Frame, PAYLOAD, type FrameType } from './frames.ts'

/** Bytes of one connection that are under way and not yet taken by the other side. */
const WINDOW = 1 << 20
/** Connections at once; a copy has a handful. */
const STREAMS = 1024

interface Stream {
  readonly id: number
  readonly socket: Socket
  /** What was read and may not be sent yet. */
  readonly pending: Uint8Array[]
  /** Bytes that may still be sent. */
  credit: number
  /** Bytes that may still come. */
  expected: number
  /** Nothing follows what is pending. */
  ended: boolean
}

/**
 * Many connections over one pair of pipes. Each has a window of its own, so that one which nobody reads
 * holds up none of the others, and memory stays what the windows are. Drawn in docs/formats/stdio.md.
 */
export class Mux {
  readonly #out: Writable
  readonly #target: NetConnectOpts | undefined
  readonly #streams = new Map<number, Stream>()
  #next = 1
  #blocked = false
  #closed = false

  /** With `target` the other side opens connections, and each is joined to one that is made there. */
  constructor(out: Writable, target?: NetConnectOpts) {
    this.#out = out
    this.#target = target
    out.on('drain', () => {
      this.#blocked = false
      for (const stream of this.#streams.values()) this.#pump(stream)
    })
    out.on('error', () => this.close())
  }

  /** Carries a connection of ours to the other side. */
  open(socket: Socket): void {
    if (this.#closed) return void socket.destroy()
    const id = this.#next++
    this.#send(Frame.open, id)
    this.#join(id, socket)
  }

  /** Reads what the other side sends, to its end; then every connection is closed. */
  async receive(input: Readable | AsyncIterable<Uint8Array>): Promise<void> {
    try {
      for await (const { type, id, payload } of decodeFrames(input)) this.#take(type, id, payload)
    } finally {
      this.close()
    }
  }

  close(): void {
    this.#closed = true
    for (const { socket } of this.#streams.values()) socket.destroy()
    this.#streams.clear()
  }

  #take(type: FrameType, id: number, payload: Uint8Array): void {
    if (type === Frame.open) return this.#opened(id)
    const stream = this.#streams.get(id)
    // It was closed here a moment ago: what is still on its way is nobody's.
    if (!stream) return
    if (type === Frame.data) this.#deliver(id, stream, payload)
    else if (type === Frame.end) stream.socket.end()
    else if (type === Frame.reset) this.#drop(id, stream)
    else {
      stream.credit += new DataView(payload.buffer, payload.byteOffset, 4).getUint32(0)
      this.#pump(stream)
    }
  }

  #opened(id: number): void {
    if (!this.#target || this.#streams.has(id) || this.#streams.size >= STREAMS)
      fail('data_loss', 'the other end opens connections that it may not open')
    this.#join(id, connect({ allowHalfOpen: true, ...this.#target }))
  }

  #deliver(id: number, stream: Stream, payload: Uint8Array): void {
    stream.expected -= payload.length
    if (stream.expected < 0) fail('data_loss', 'the other end sends more than it was asked for')
    stream.socket.write(payload, () => {
      stream.expected += payload.length
      const credit = new Uint8Array(4)
      new DataView(credit.buffer).setUint32(0, payload.length)
      if (this.#streams.has(id)) this.#send(Frame.credit, id, credit)
    })
  }

  #join(id: number, socket: Socket): void {
    const stream: Stream = { id, socket, pending: [], credit: WINDOW, expected: WINDOW, ended: false }
    this.#streams.set(id, stream)
    socket.on('data', (data) => {
      stream.pending.push(data)
      this.#pump(stream)
    })
    socket.on('end', () => {
      stream.ended = true
      this.#pump(stream)
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      // What it said before it went away is still to be sent.
      if (this.#streams.get(id) !== stream || (stream.ended && stream.pending.length > 0)) return
      this.#streams.delete(id)
      this.#send(Frame.reset, id)
    })
  }

  #drop(id: number, { socket }: Stream): void {
    this.#streams.delete(id)
    // What came before is still to be read.
    socket.destroySoon()
  }

  /** Sends what there is credit for; the socket is read again when nothing is left over. */
  #pump(stream: Stream): void {
    const { id, socket, pending } = stream
    while (pending.length > 0 && stream.credit > 0 && !this.#blocked) {
      const [first] = pending as [Uint8Array]
      const count = Math.min(first.length, stream.credit, PAYLOAD)
      if (count === first.length) pending.shift()
      else pending[0] = first.subarray(count)
      stream.credit -= count
      this.#send(Frame.data, id, first.subarray(0, count))
    }
    if (pending.length > 0) socket.pause()
    else if (stream.ended) this.#finish(stream)
    else socket.resume()
  }

  #finish(stream: Stream): void {
    if (!this.#streams.has(stream.id)) return
    stream.ended = false
    this.#send(Frame.end, stream.id)
    if (!stream.socket.destroyed) return
    this.#streams.delete(stream.id)
    this.#send(Frame.reset, stream.id)
  }

  #send(type: FrameType, id: number, payload?: Uint8Array): void {
    if (this.#out.destroyed || this.#out.writableEnded) return
    if (!this.#out.write(encodeFrame(type, id, payload))) this.#blocked = true
  }
}
