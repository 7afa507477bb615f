import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MediaType } from '#oci'
import { lacking } from '#testkit'
import type { Contestant } from '../measure.ts'
import type { Row } from '../row.ts'
import type { Stage } from '../stage.ts'
import { digestOf, finalPut, putBlob } from './blobs.ts'
import type { Registries, Served } from './registries.ts'

const MB = 1 << 20

/** Both registries, side by side; nothing to compare where the other is missing. */
async function servers(
  stage: Stage,
  contestant: (served: Served, name: string) => Contestant | Promise<Contestant>,
): Promise<readonly Contestant[]> {
  const { cairn, peer }: Registries = await stage.registries()
  if (!peer || lacking('wrk', 'curl')) return []
  return Promise.all([contestant(cairn, 'cairn'), contestant(peer, 'docker-registry')])
}

const ACCEPT = `accept: ${MediaType.ociManifest}, ${MediaType.dockerManifest}`

/** Requests for two seconds, eight at a time; the time that so many of them take. */
function load(served: Served, name: string, path: string, count: number): Contestant {
  return {
    name,
    argv: ['wrk', '-t', '1', '-c', '8', '-d', '2s', '-H', ACCEPT, `http://${served.host}${path}`],
    measure: (printed) => {
      if (printed.includes('Non-2xx')) throw new Error(`${name}: ${printed}`)
      return (1000 * count) / Number(/Requests\/sec:\s+([\d.]+)/.exec(printed)?.[1])
    },
    server: served.pid,
  }
}

/** Blobs sent to a client that drops them in the kernel: the server's own speed. */
async function dropped(stage: Stage, bytes: number, count: number): Promise<readonly Contestant[]> {
  const content = randomBytes(bytes)
  const program = join(import.meta.dir, 'drop.ts')
  return servers(stage, async (served, name) => {
    const path = `/v2/bench/blobs/${await putBlob(served.host, 'bench', content)}`
    const argv = [process.execPath, program, served.host, path, String(count)]
    return { name, argv, measure: (printed) => Number(printed), server: served.pid }
  })
}

async function blobs(stage: Stage, bytes: number, count: number): Promise<readonly Contestant[]> {
  const content = randomBytes(bytes)
  return servers(stage, async (served, name) =>
    load(served, name, `/v2/bench/blobs/${await putBlob(served.host, 'bench', content)}`, count),
  )
}

/** A blob sent by one curl, in one piece. */
async function uploads(stage: Stage): Promise<readonly Contestant[]> {
  const path = join(stage.dir, 'upload')
  const content = randomBytes(256 * MB)
  writeFileSync(path, content)
  const digest = digestOf(content)
  return servers(stage, (served, name) => {
    // curl reads the address of each upload from here.
    const config = join(stage.dir, `${name}.curl`)
    const type = 'content-type: application/octet-stream'
    return {
      name,
      argv: ['curl', '-sf', '-o', '/dev/null', '-X', 'PUT', '-H', type, '-T', path, '-K', config],
      before: async () => writeFileSync(config, `url = "${await finalPut(served.host, 'bench', digest)}"\n`),
      server: served.pid,
    }
  })
}

export const serveRows: readonly Row[] = [
  {
    title: 'registry: 1000 manifests',
    rounds: 5,
    contestants: (stage) => servers(stage, (served, name) => load(served, name, '/v2/big/manifests/latest', 1000)),
  },
  { title: 'registry: 100 blobs of 1 MB out', rounds: 5, contestants: (stage) => blobs(stage, MB, 100) },
  { title: 'registry: 40 blobs of 10 MB out, dropped', rounds: 5, contestants: (stage) => dropped(stage, 10 * MB, 40) },
  { title: 'registry: 4 blobs of 256 MB out, dropped', rounds: 5, contestants: (stage) => dropped(stage, 256 * MB, 4) },
  { title: 'registry: a blob of 256 MB in', rounds: 5, contestants: uploads },
]
