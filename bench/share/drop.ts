// drop.ts HOST:PORT PATH COUNT: asks so many times for a path, one request after the other, and drops the bodies in the
// kernel (MSG_TRUNC). On a machine of two cores a client that copies them is what takes the time, whoever serves.
import { dlopen, FFIType, ptr } from 'bun:ffi'

const { int, i64, u64, pointer } = FFIType
const { symbols: libc } = dlopen('libc.so.6', {
  socket: { args: [int, int, int], returns: int },
  connect: { args: [int, pointer, int], returns: int },
  send: { args: [int, pointer, u64, int], returns: i64 },
  recv: { args: [int, pointer, u64, int], returns: i64 },
})
const [AF_INET, SOCK_STREAM, MSG_TRUNC] = [2, 1, 0x20]
const PIECE = 16 << 20

const [, , host = '', path = '', count = '1'] = process.argv
const socket = connect(host)
const request = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
const head = Buffer.alloc(4096)
const started = performance.now()
for (let i = 0; i < Number(count); i++) drop()
console.log(performance.now() - started)

function connect(address: string): number {
  const [ip = '', port = ''] = address.split(':')
  const place = Buffer.alloc(16)
  place.writeUInt16LE(AF_INET, 0)
  place.writeUInt16BE(Number(port), 2)
  place.set(ip.split('.').map(Number), 4)
  const fd = libc.socket(AF_INET, SOCK_STREAM, 0)
  if (libc.connect(fd, ptr(place), place.length) !== 0) throw new Error(`cannot connect to ${address}`)
  return fd
}

function drop(): void {
  libc.send(socket, ptr(request), request.length, 0)
  let got = 0
  while (!head.subarray(0, got).includes('\r\n\r\n'))
    got += received(Buffer.from(head.buffer, head.byteOffset + got, head.length - got), 0)
  const text = head.subarray(0, got).toString('latin1')
  if (!text.startsWith('HTTP/1.1 200')) throw new Error(text)
  const length = Number(/content-length: *(\d+)/i.exec(text)?.[1])
  for (let left = length - (got - text.indexOf('\r\n\r\n') - 4); left > 0;)
    left -= received(head, MSG_TRUNC, Math.min(left, PIECE))
}

/** With MSG_TRUNC the kernel copies nothing, so the length may be more than the buffer's. */
function received(into: Buffer, flags: number, length: number = into.length): number {
  const count = Number(libc.recv(socket, ptr(into), length, flags))
  if (count <= 0) throw new Error('the connection ended early')
  return count
}
