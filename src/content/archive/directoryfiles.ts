import { realpathSync, statSync } from 'node:fs'
import { join, sep } from 'node:path'
import { fail } from '#base'
import { safePath } from '#codec'
import { DOCUMENT_LIMIT } from '#oci'
import { readRange, readWhole } from '../blobread.ts'
import { diskError, isErrnoCode } from '../diskerror.ts'
import type { ArchiveFiles } from './files.ts'

/** An unpacked archive. Symbolic links may lead from one of its files to another, not out of it. */
export function openDirectoryFiles(directory: string): ArchiveFiles {
  const root = realpathSync(directory)
  const find = (file: string): { readonly path: string; readonly start: number; readonly size: number } | undefined => {
    try {
      const path = realpathSync(join(root, safePath(file)))
      if (!path.startsWith(root + sep))
        fail('invalid_argument', `${file} in ${directory} is a link that leads out of it`)
      const stat = statSync(path)
      return stat.isFile() ? { path, start: 0, size: stat.size } : undefined
    } catch (error) {
      if (isErrnoCode(error, 'ENOENT') || isErrnoCode(error, 'ENOTDIR')) return undefined
      throw diskError(error, 'read', join(directory, file))
    }
  }
  return {
    name: directory,
    size: (file) => find(file)?.size,
    read: (file, offset = 0, call) => {
      const found = find(file) ?? fail('not_found', `${directory} has no file ${file}`)
      return readRange(found, found.size, offset, call)
    },
    document: (file) => {
      const found = find(file)
      if (found && found.size > DOCUMENT_LIMIT)
        fail(
          'resource_exhausted',
          `${file} in ${directory} has ${found.size} bytes; at most ${DOCUMENT_LIMIT} are allowed`,
        )
      return found && readWhole(found, found.size, 0)
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
}
