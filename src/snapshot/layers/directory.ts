import { chmodSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { fail, type Call } from '#base'
import { hashing } from '#codec'
import type { Digest } from '#oci'
import { compareTar } from '../differ/compare.ts'
import { extractTar } from '../differ/extract.ts'
import type { TreeRow } from './table.ts'
import { readTarOf } from './read.ts'
import { treeSignature } from './signature.ts'

/** Lays a layer file's tar out as a directory that overlayfs can take as a lower layer. */
export async function unpackLayer(file: string, tarSize: number, directory: string, call?: Call): Promise<TreeRow> {
  const temporary = `${directory}.tmp`
  rmSync(temporary, { recursive: true, force: true })
  mkdirSync(temporary, { recursive: true })
  chmodSync(temporary, 0o755)
  try {
    await extractTar(readTarOf(file, tarSize, 0, call), temporary, { whiteouts: 'overlay' }, call)
    rmSync(directory, { recursive: true, force: true })
    renameSync(temporary, directory)
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true })
    throw error
  }
  const { signature, allocated } = treeSignature(directory)
  return { digest: await treeDigest(directory, call), signature, disk_size: allocated }
}

/** Of all that the directory holds: names, attributes, bytes. */
async function treeDigest(directory: string, call?: Call): Promise<Digest> {
  const { stream, result } = hashing(compareTar(directory, {}, call))
  for await (const _ of stream) continue
  return result().digest
}

/** The row with a new signature if files were touched but are the same; `data_loss` if they are not. */
export async function verifyTree(directory: string, row: TreeRow, what: string, call?: Call): Promise<TreeRow> {
  const { signature } = treeSignature(directory)
  if (signature === row.signature) return row
  if ((await treeDigest(directory, call)) !== row.digest)
    fail('data_loss', `${what}: files in ${directory} were changed`, { hint: 'load or pull the image again' })
  return { ...row, signature }
}
