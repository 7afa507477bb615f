import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fail } from '#base'
import { fileSink, writeErofs } from '#codec'
import { attachLoop, bootId, canMount, inUserNamespace } from '#sys'
import type { LayerFormat } from '../types.ts'

const FORMATS: readonly LayerFormat[] = ['erofs', 'erofs-loop', 'directory']

/**
 * How layers can be laid out here: found by mounting a tiny image from the store's own file
 * system, since kernel, privileges and that file system all have a say. Remembered in `run` until
 * the next boot. `CAIRN_LAYERS` overrules it.
 */
export function probeFormat(options: { readonly root: string; readonly run: string }): LayerFormat {
  const wish = process.env.CAIRN_LAYERS
  if (wish !== undefined && wish !== '') return asFormat(wish)
  mkdirSync(join(options.root, 'layers'), { recursive: true, mode: 0o700 })
  mkdirSync(join(options.run, 'layers'), { recursive: true, mode: 0o700 })
  const note = join(options.run, 'layers', 'format')
  // The note holds for this boot, this file system and this user alone.
  const about = `${bootId()} ${statSync(options.root).dev} ${process.getuid?.()}`
  const known = readNote(note, about)
  if (known) return known
  const format = tryFormats(join(options.root, 'layers', `probe-${process.pid}`))
  // Lacking modules may be loaded later: directories are no answer to remember where root could do better.
  if (format === 'directory' && !inUserNamespace()) return format
  writeFileSync(`${note}.${process.pid}`, `${about}\n${format}\n`)
  renameSync(`${note}.${process.pid}`, note)
  return format
}

function asFormat(wish: string): LayerFormat {
  const format = FORMATS.find((name) => name === wish)
  return format ?? fail('invalid_argument', `CAIRN_LAYERS=${wish}: not one of ${FORMATS.join(', ')}`)
}

function readNote(note: string, about: string): LayerFormat | undefined {
  try {
    const [written, format] = readFileSync(note, 'utf8').split('\n')
    return written === about ? FORMATS.find((name) => name === format) : undefined
  } catch {
    return undefined // none yet
  }
}

function tryFormats(image: string): LayerFormat {
  const fd = openSync(image, 'w+', 0o600)
  try {
    writeErofs(fileSink(fd), [])
    if (canMount('erofs', image)) return 'erofs'
    return canLoop(image) ? 'erofs-loop' : 'directory'
  } finally {
    closeSync(fd)
    rmSync(image, { force: true })
  }
}

function canLoop(image: string): boolean {
  try {
    using device = attachLoop(image)
    return canMount('erofs', device.path)
  } catch {
    return false // no loop devices, or not for us
  }
}
