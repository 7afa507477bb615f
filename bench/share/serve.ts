import { createHash, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MediaType } from '#oci'
import { lacking } from '#testkit'
import type { Contestant } from '../measure.ts'
import type { Row } from '../row.ts'
import type { Stage } from '../stage.ts'
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

async function putBlob(host: string, bytes: Uint8Array): Promise<string> {
  const digest = digestOf(bytes)
  const answer = await fetch(await finalPut(host, digest), { method: 'PUT', body: bytes as Uint8Array<ArrayBuffer> })
  if (answer.status !== 201) throw new Error(`${host} answers ${answer.status} to a blob`)
  return digest
}

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** Begins an upload; where its bytes go. */
async function finalPut(host: string, digest: string): Promise<string> {
  const begun = await fetch(`http://${host}/v2/bench/blobs/uploads/`, { method: 'POST' })
  const url = new URL(begun.headers.get('location') ?? '', `http://${host}`)
  url.searchParams.set('digest', digest)
  return url.href
}

/** Blobs sent to a client that drops them in the kernel: the server's own speed. */
async function dropped(stage: Stage, bytes: number, count: number): Promise<readonly Contestant[]> {
  const content = randomBytes(bytes)
  const program = join(import.meta.dir, 'drop.ts')
  return servers(stage, async (served, name) => {
    const path = `/v2/bench/blobs/${await putBlob(served.host, content)}`
    const argv = [process.execPath, program, served.host, path, String(count)]
    return { name, argv, measure: (printed) => Number(printed), server: served.pid }
  })
}

async function blobs(stage: Stage, bytes: number, count: number): Promise<readonly Contestant[]> {
  const content = randomBytes(bytes)
  return servers(stage, async (served, name) =>
    load(served, name, `/v2/bench/blobs/${await putBlob(served.host, content)}`, count),
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
      before: async () => writeFileSync(config, `url = "${await finalPut(served.host, digest)}"\n`),
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
