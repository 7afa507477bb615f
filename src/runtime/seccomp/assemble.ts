import { fail } from '#base'

/** One classic BPF instruction (linux/filter.h); jumps count the instructions to skip. */
export interface Instruction {
  readonly code: number
  readonly k: number
  readonly jt?: number
  readonly jf?: number
}

const MAXIMUM = 4096

/** Little-endian `struct sock_filter[]`: u16 code, u8 jt, u8 jf, u32 k. */
export function assemble(program: readonly Instruction[]): Uint8Array<ArrayBuffer> {
  if (program.length > MAXIMUM) {
    fail('resource_exhausted', `seccomp profile needs ${program.length} instructions; the kernel takes ${MAXIMUM}`)
  }
  const bytes = new Uint8Array(program.length * 8)
  const view = new DataView(bytes.buffer)
  for (const [index, { code, k, jt = 0, jf = 0 }] of program.entries()) {
    view.setUint16(index * 8, code, true)
    view.setUint8(index * 8 + 2, jt)
    view.setUint8(index * 8 + 3, jf)
    view.setUint32(index * 8 + 4, k, true)
  }
  return bytes
}
