/** What the kernel sees of a system call: linux/seccomp.h `struct seccomp_data`. */
export interface SyscallData {
  readonly arch: number
  readonly nr: number
  readonly args: readonly bigint[]
}

export const AUDIT = { x86_64: 0xc000003e, x86: 0x40000003, aarch64: 0xc00000b7, arm: 0x40000028 } as const

/** Runs a filter as the kernel would; throws on anything that the kernel's verifier refuses. */
export function interpret(filter: Uint8Array, data: SyscallData): number {
  const program = new DataView(filter.buffer, filter.byteOffset, filter.byteLength)
  const length = filter.byteLength / 8
  const memory = new DataView(new ArrayBuffer(64))
  memory.setUint32(0, data.nr, true)
  memory.setUint32(4, data.arch, true)
  for (const [index, value] of data.args.entries()) memory.setBigUint64(16 + index * 8, BigInt.asUintN(64, value), true)
  let accumulator = 0
  for (let at = 0; at < length;) {
    const code = program.getUint16(at * 8, true)
    const jt = program.getUint8(at * 8 + 2)
    const jf = program.getUint8(at * 8 + 3)
    const k = program.getUint32(at * 8 + 4, true)
    at++
    const branch = (yes: boolean): void => void (at += yes ? jt : jf)
    if (code === 0x06) return k
    else if (code === 0x20 && k % 4 === 0 && k < 64) accumulator = memory.getUint32(k, true)
    else if (code === 0x54) accumulator = (accumulator & k) >>> 0
    else if (code === 0x05) at += k
    else if (code === 0x15) branch(accumulator === k)
    else if (code === 0x25) branch(accumulator > k)
    else if (code === 0x35) branch(accumulator >= k)
    else throw new Error(`instruction ${at - 1}: code ${code} k ${k}`)
  }
  throw new Error('ran off the end')
}

/** Throws unless every jump lands inside and the program ends with a return: what the kernel checks when a filter is installed. */
export function verify(filter: Uint8Array): void {
  const program = new DataView(filter.buffer, filter.byteOffset, filter.byteLength)
  const length = filter.byteLength / 8
  for (let at = 0; at < length; at++) {
    const code = program.getUint16(at * 8, true)
    const reach = Math.max(program.getUint8(at * 8 + 2), program.getUint8(at * 8 + 3))
    const far = code === 0x05 ? program.getUint32(at * 8 + 4, true) : reach
    if (code !== 0x06 && at + 1 + far >= length) throw new Error(`instruction ${at} jumps out of the program`)
  }
  if (length === 0 || length > 4096) throw new Error(`${length} instructions`)
  if (program.getUint16((length - 1) * 8, true) !== 0x06) throw new Error('does not end with a return')
}
