import { openSync, rmSync, statSync } from 'node:fs'
import { fail, type Call } from '#base'
import { readChunks } from '../source/readchunks.ts'
import { digestData } from '../digest.ts'
import { download, type Download } from '../source/http/download.ts'
import { shown } from '../source/http/request.ts'
import type { Op } from '../types.ts'
import type { HttpDefinition, Stack } from './definition.ts'
import { ROOT } from './owner.ts'
import { addLayer, madeTime, type StepEnvironment } from './step.ts'
import { layerTar } from './writelayer.ts'

/**
 * A file from a URL: a layer with nothing else in it, owned by root, for nobody else to read, with the time that the
 * server gives. The key is made from what it holds; with a checksum the server need not be asked.
 */
export function httpOp(asked: HttpDefinition, environment: StepEnvironment): Op<Stack> {
  const { host, secrets } = environment
  const checksum = asked.checksum ?? host.pins?.http(shown(asked.url))
  const def: HttpDefinition = checksum === undefined ? asked : { ...asked, checksum }
  let known: Download | undefined
  const fetchFile = async (isNeeded: boolean, call?: Call): Promise<Download> =>
    await download(
      { url: def.url, secret: (id) => secrets.get(id), db: host.db, directory: environment.scratch(), isNeeded },
      call,
    )
  return {
    async cacheMap(call) {
      if (def.checksum === undefined) known = await fetchFile(false, call)
      environment.resolved(asked, { kind: 'http', uri: shown(def.url), digest: def.checksum ?? known!.digest })
      const { digest = def.checksum, lastModified } = known ?? {}
      return { digest: digestData({ op: 'http', name: def.name, digest, lastModified }), deps: [] }
    },
    async exec(_inputs, call) {
      const expected = def.checksum ?? known?.digest
      const file = known?.path === undefined ? await fetchFile(true, call) : known
      const path = file.path!
      known = undefined
      try {
        if (expected !== undefined && file.digest !== expected)
          fail('data_loss', `${shown(def.url)} has digest ${file.digest}, not ${expected}`, {
            hint:
              def.checksum === undefined
                ? 'it changed during the build: build again'
                : 'check the URL, its --checksum, and cairn.lock',
          })
        const content = { size: statSync(path).size, open: () => readChunks(() => openSync(path, 'r')) }
        const mtime = madeTime(file.lastModified)
        const entry = { type: 'file', mode: 0o600, ...ROOT, mtime, content } as const
        return await addLayer(host, [], layerTar(new Map([[def.name, entry]]), call), call)
      } finally {
        rmSync(path, { force: true })
      }
    },
  }
}
