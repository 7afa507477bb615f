import { errnoNumber, kernelError } from './errno.ts'
import { syscall, trySyscall } from './syscall.ts'

const TCGETS = 0x5401
const TCSETSW = 0x5403
const TIOCGWINSZ = 0x5413
const TIOCSWINSZ = 0x5414

/** struct termios of the kernel: four 32-bit flag words, the line discipline, 19 control characters. */
const TERMIOS_BYTES = 36

/** A terminal's settings, opaque: to be given back as they were. */
export type TerminalState = Uint8Array

export function isTerminal(fd: number): boolean {
  return trySyscall('ioctl', fd, TCGETS, new Uint8Array(TERMIOS_BYTES)) === 0
}

function getTerminal(fd: number): TerminalState {
  const state = new Uint8Array(TERMIOS_BYTES)
  syscall('ioctl', `TCGETS fd ${fd}`, fd, TCGETS, state)
  return state
}

export function setTerminal(fd: number, state: TerminalState): void {
  syscall('ioctl', `TCSETSW fd ${fd}`, fd, TCSETSW, state)
}

/** cfmakeraw(3): bytes pass unchanged both ways, signals and echo off, output processing off too. Returns what to restore. */
export function makeRaw(fd: number): TerminalState {
  const before = getTerminal(fd)
  const raw = before.slice()
  const flags = new Uint32Array(raw.buffer, 0, 4)
  const [input = 0, output = 0, control = 0, local = 0] = flags
  // IGNBRK BRKINT PARMRK ISTRIP INLCR IGNCR ICRNL IXON | OPOST | CSIZE PARENB | ECHO ECHONL ICANON ISIG IEXTEN
  flags[0] = input & ~0o2753
  flags[1] = output & ~0o1
  flags[2] = (control & ~0o460) | 0o60
  flags[3] = local & ~0o100113
  const VTIME = 5
  const VMIN = 6
  raw[17 + VTIME] = 0
  raw[17 + VMIN] = 1
  setTerminal(fd, raw)
  return before
}

export interface WindowSize {
  readonly rows: number
  readonly columns: number
}

/** Undefined when the descriptor is no terminal. */
export function windowSize(fd: number): WindowSize | undefined {
  const size = new Uint16Array(4)
  const result = trySyscall('ioctl', fd, TIOCGWINSZ, size)
  if (result === 0) return { rows: size[0] ?? 0, columns: size[1] ?? 0 }
  if (-result === errnoNumber('ENOTTY') || -result === errnoNumber('EINVAL')) return undefined
  throw kernelError('ioctl', -result, `TIOCGWINSZ fd ${fd}`)
}

export function setWindowSize(fd: number, size: WindowSize): void {
  syscall('ioctl', `TIOCSWINSZ fd ${fd}`, fd, TIOCSWINSZ, new Uint16Array([size.rows, size.columns, 0, 0]))
}
