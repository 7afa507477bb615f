import { createTarWriter } from '../tar/write.ts'
import { createErofsWriter } from './writer.ts'
import type { ErofsInput, ErofsLimits, ErofsSink, ErofsSummary } from './types.ts'

/**
 * A layer file of these entries, its tar included: made for small layers that exist nowhere else, such as the one
 * that puts right what a chain of layers leaves implied. The same entries in the same order give the same file.
 */
export function writeErofs(sink: ErofsSink, entries: Iterable<ErofsInput>, limits?: ErofsLimits): ErofsSummary {
  const image = createErofsWriter(sink, limits)
  const tar = createTarWriter((bytes) => image.write(bytes))
  for (const { entry, data } of entries) {
    tar.entry(entry)
    for (const chunk of data ?? []) tar.data(chunk)
  }
  tar.end()
  return image.finish()
}
