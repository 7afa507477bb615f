/** Programs of one system call, as ELF files made by hand: what a filter is tried with. Holds no test. */

export type Machine = 'x64' | 'x86'

/**
 * A static program that makes one call and exits with its errno, or 0 when it succeeded. Numbers
 * with bit 30 set are x32 calls. x86-64 hosts only.
 */
export function syscallProgram(machine: Machine, nr: number, args: readonly bigint[] = []): Uint8Array {
  return machine === 'x64' ? elf64(code64(nr, args)) : elf32(code32(nr, args))
}

/** A program that the processor stops at its first instruction: it dies by SIGILL. */
export function illegalProgram(): Uint8Array {
  return elf64([0x0f, 0x0b])
}

function little(value: bigint, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, index) => Number((BigInt.asUintN(64, value) >> BigInt(8 * index)) & 0xffn))
}

const hex = (text: string): number[] => [...Buffer.from(text.replaceAll(' ', ''), 'hex')]

function code64(nr: number, args: readonly bigint[]): number[] {
  const registers = ['48bf', '48be', '48ba', '49ba', '49b8', '49b9']
  return [
    registers.flatMap((move, index) => [...hex(move), ...little(args[index] ?? 0n, 8)]),
    hex('b8'),
    little(BigInt(nr), 4), // mov eax, nr
    hex('0f05 4885c0 7802 31c0 f7d8'), // syscall; test rax, rax; js +2; xor eax, eax; neg eax
    hex('89c7 b83c000000 0f05'), // mov edi, eax; mov eax, exit; syscall
  ].flat()
}

function code32(nr: number, args: readonly bigint[]): number[] {
  const registers = ['bb', 'b9', 'ba', 'be', 'bf', 'bd']
  return [
    registers.flatMap((move, index) => [...hex(move), ...little(args[index] ?? 0n, 4)]),
    hex('b8'),
    little(BigInt(nr), 4),
    hex('cd80 85c0 7802 31c0 f7d8'),
    hex('89c3 b801000000 cd80'),
  ].flat()
}

const BASE = 0x400000

function elf64(code: readonly number[]): Uint8Array {
  const header = 64 + 56
  const bytes = new Uint8Array(header + code.length)
  const view = new DataView(bytes.buffer)
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  view.setUint16(16, 2, true) // ET_EXEC
  view.setUint16(18, 62, true) // x86-64
  view.setUint32(20, 1, true)
  view.setBigUint64(24, BigInt(BASE + header), true)
  view.setBigUint64(32, 64n, true)
  view.setUint16(52, 64, true)
  view.setUint16(54, 56, true)
  view.setUint16(56, 1, true)
  view.setUint32(64, 1, true) // PT_LOAD
  view.setUint32(68, 5, true) // readable, executable
  view.setBigUint64(80, BigInt(BASE), true)
  view.setBigUint64(88, BigInt(BASE), true)
  view.setBigUint64(96, BigInt(bytes.length), true)
  view.setBigUint64(104, BigInt(bytes.length), true)
  view.setBigUint64(112, 0x1000n, true)
  bytes.set(code, header)
  return bytes
}

function elf32(code: readonly number[]): Uint8Array {
  const header = 52 + 32
  const bytes = new Uint8Array(header + code.length)
  const view = new DataView(bytes.buffer)
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1])
  view.setUint16(16, 2, true)
  view.setUint16(18, 3, true) // 80386
  view.setUint32(20, 1, true)
  view.setUint32(24, BASE + header, true)
  view.setUint32(28, 52, true)
  view.setUint16(40, 52, true)
  view.setUint16(42, 32, true)
  view.setUint16(44, 1, true)
  for (const [index, word] of [1, 0, BASE, BASE, bytes.length, bytes.length, 5, 0x1000].entries()) {
    view.setUint32(52 + index * 4, word, true)
  }
  bytes.set(code, header)
  return bytes
}
