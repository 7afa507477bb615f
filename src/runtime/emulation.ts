import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Platform } from '#oci'

/** Where the kernel shows what it hands to interpreters (Documentation/admin-guide/binfmt-misc.rst). */
const BINFMT = '/proc/sys/fs/binfmt_misc'

/** How an architecture's ELF files begin: class (1: 32 bits, 2: 64), byte order (1: little), machine (elf.h). */
const ELF: Readonly<Record<string, readonly [number, 1 | 2, number, string]>> = {
  '386': [1, 1, 3, 'i386'],
  amd64: [2, 1, 62, 'x86_64'],
  arm: [1, 1, 40, 'arm'],
  arm64: [2, 1, 183, 'aarch64'],
  loong64: [2, 1, 258, 'loongarch64'],
  mips64le: [2, 1, 8, 'mips64el'],
  ppc64le: [2, 1, 21, 'ppc64le'],
  riscv64: [2, 1, 243, 'riscv64'],
  s390x: [2, 2, 22, 's390x'],
}

/** One registered interpreter. */
interface Handler {
  readonly name: string
  readonly enabled: boolean
  /** `F`: opened at registration, so that containers, which lack the file, can use it. */
  readonly fixed: boolean
  readonly magic: string
}

/**
 * Why programs of a platform cannot run in a container here, with the cure; undefined when an interpreter is registered.
 * `directory` is for tests.
 */
export function whyNotEmulated({ os, architecture }: Platform, directory: string = BINFMT): string | undefined {
  const elf = ELF[architecture]
  if (os !== 'linux' || !elf) return 'build it on a machine of that platform'
  const handlers = readHandlers(directory).filter((handler) => handles(handler, elf))
  if (handlers.some((handler) => handler.enabled && handler.fixed)) return undefined
  const [first] = handlers
  if (first && !first.enabled)
    return `the interpreter ${first.name} is registered but disabled: echo 1 > ${BINFMT}/${first.name}`
  if (first)
    return `the interpreter ${first.name} is registered without the F flag, so containers cannot reach it: register it again with F`
  const cross = 'cross-build in a stage FROM --platform=$BUILDPLATFORM'
  return `install qemu-user-static, which registers an interpreter for ${elf[3]} (binfmt_misc mounted at ${BINFMT}), or ${cross}`
}

function handles({ magic }: Handler, [bits, order, machine]: readonly [number, 1 | 2, number, string]): boolean {
  const bytes = Buffer.from(magic, 'hex')
  if (bytes.length < 20 || bytes[4] !== bits || bytes[5] !== order) return false
  return (order === 1 ? bytes.readUInt16LE(18) : bytes.readUInt16BE(18)) === machine
}

function readHandlers(directory: string): Handler[] {
  const names = attempt(() => readdirSync(directory)) ?? []
  return names.flatMap((name) => {
    const text =
      name === 'register' || name === 'status' ? undefined : attempt(() => readFileSync(join(directory, name), 'utf8'))
    if (text === undefined) return []
    const member = (label: RegExp): string => label.exec(text)?.[1] ?? ''
    return [
      {
        name,
        enabled: text.startsWith('enabled'),
        fixed: member(/^flags: *(\S*)/m).includes('F'),
        magic: member(/^magic ([0-9a-f]+)$/m),
      },
    ]
  })
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
