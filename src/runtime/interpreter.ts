import { readSync } from 'node:fs'
import { close, isErrno, openRegular } from '#sys'

/** What a file needs to be executed, as far as its first bytes tell. */
export type Needs =
  /** A script's interpreter or a program's loader, by its path in the root. */
  | { readonly kind: 'interpreter' | 'loader'; readonly path: string }
  | { readonly kind: 'nothing' }
  /** Neither a script nor an ELF file: executable only where the kernel was told how. */
  | { readonly kind: 'unknown' }

/** Program headers stand at the beginning; the kernel reads no longer first lines than 255 bytes. */
const HEAD = 4096
const LINE = 255
const PT_INTERP = 3
const PHDR_BYTES = { 1: 32, 2: 56 } as const

/** Reads what an executable file in a root asks for; undefined when that cannot be told. */
export function needsOf(root: number, path: string): Needs | undefined {
  const fd = opened(root, path)
  if (fd === undefined) return undefined
  try {
    const head = Buffer.alloc(HEAD)
    return parse(head.subarray(0, readSync(fd, head, 0, HEAD, 0)))
  } finally {
    close(fd)
  }
}

function opened(root: number, path: string): number | undefined {
  try {
    return openRegular(root, path)
  } catch (error) {
    if (isErrno(error, 'EACCES', 'EPERM', 'ETXTBSY')) return undefined
    throw error
  }
}

function parse(head: Buffer): Needs | undefined {
  if (head.length === 0) return undefined
  if (head.toString('latin1', 0, 2) === '#!') return script(head.subarray(2, LINE))
  if (head.toString('latin1', 0, 4) === '\x7fELF') return elf(head)
  return { kind: 'unknown' }
}

/** `#! /bin/sh -e`: the kernel takes spaces and tabs, and nothing else, as what parts words. */
function script(line: Buffer): Needs | undefined {
  const path = /^[ \t]*([^ \t\n\0]+)/.exec(line.toString())?.[1]
  return path === undefined ? undefined : { kind: 'interpreter', path }
}

/** The loader that a dynamic program names; a static one names none. */
function elf(head: Buffer): Needs | undefined {
  const bits = head[4]
  if ((bits !== 1 && bits !== 2) || head[5] !== 1 || head.length < 64) return undefined
  const wide = bits === 2
  const size = PHDR_BYTES[bits]
  const table = wide ? Number(head.readBigUInt64LE(32)) : head.readUInt32LE(28)
  const count = head.readUInt16LE(wide ? 56 : 44)
  if (table + count * size > head.length) return undefined
  for (let at = table; at < table + count * size; at += size) {
    if (head.readUInt32LE(at) !== PT_INTERP) continue
    const offset = wide ? Number(head.readBigUInt64LE(at + 8)) : head.readUInt32LE(at + 4)
    const length = wide ? Number(head.readBigUInt64LE(at + 32)) : head.readUInt32LE(at + 16)
    if (length < 2 || offset + length > head.length) return undefined
    return { kind: 'loader', path: head.toString('utf8', offset, offset + length - 1) }
  }
  return { kind: 'nothing' }
}
