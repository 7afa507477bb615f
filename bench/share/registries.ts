import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { debianPythonRootfs, debianRootfs, must, startDockerRegistry } from '#testkit'
import { cairnIn } from '../cairn.ts'
import type { Stage } from '../stage.ts'

/** Registries to load and to pull from; both hold the images that the rows move. */
export interface Registries extends AsyncDisposable {
  readonly cairn: Served
  /** Debian's docker-registry, where it is installed. */
  readonly peer: Served | undefined
}

export interface Served {
  /** `127.0.0.1:41234` */
  readonly host: string
  readonly pid: number
}

/** One layer of 170 MB (67 MB compressed); 390 MB in five layers. */
const IMAGES = ['big', 'multi'] as const

/** Serves, and pushes both images to both, so that all have the same bytes. */
export async function openRegistries(stage: Stage): Promise<Registries> {
  const own = await serveCairn(stage)
  const peer = Bun.which('docker-registry') ? await startDockerRegistry({ parent: stage.dir }) : undefined
  // In a store of its own: what a build keeps in its cache need not be pulled.
  const cairn = cairnIn(stage.dir, '-builder')
  await must(cairn(['load', '-q', '-i', stage.archive]))
  await must(cairn(['import', await debianRootfs(), 'debian:12']))
  await must(cairn(['build', '-q', '--network', 'none', '-t', 'multi', await manyLayers(stage)]))
  for (const image of IMAGES) {
    for (const { host } of peer ? [own, peer] : [own]) {
      await must(cairn(['tag', image, `${host}/${image}`]))
      await must(cairn(['push', '-q', `${host}/${image}`]))
    }
  }
  return {
    cairn: own,
    peer,
    [Symbol.asyncDispose]: async () => {
      await own[Symbol.asyncDispose]()
      await peer?.[Symbol.asyncDispose]()
    },
  }
}

async function serveCairn(stage: Stage): Promise<Served & AsyncDisposable> {
  const argv = stage.cairn(['registry', 'serve', '--address', '127.0.0.1:0', '--storage', join(stage.dir, 'served')])
  const child = Bun.spawn([...argv], { stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' })
  const { value } = await child.stdout.getReader().read()
  const host = /http:\/\/(\S+)/.exec(new TextDecoder().decode(value))?.[1]
  if (host === undefined) throw new Error('cairn registry serve does not say where it listens')
  return {
    host,
    pid: child.pid,
    [Symbol.asyncDispose]: async () => {
      child.kill()
      await child.exited
    },
  }
}

/** Debian, a Debian with Python below it, 24 MB that do not compress, many small files, one setting. */
async function manyLayers({ dir }: Stage): Promise<string> {
  const context = join(dir, 'many-layers')
  mkdirSync(context)
  await must(['cp', await debianPythonRootfs(), join(context, 'python.tar')])
  const lines = [
    'FROM debian:12',
    'ADD python.tar /opt/python/',
    'RUN head -c 24000000 /dev/urandom > /var/data',
    'RUN mkdir /etc/app && for i in $(seq 500); do echo "setting $i" > /etc/app/$i.conf; done',
    'RUN cp -r /opt/python/usr/lib/python3.11 /srv/app && chown -R 1000:1000 /srv/app',
    'CMD ["true"]',
  ]
  writeFileSync(join(context, 'Dockerfile'), `${lines.join('\n')}\n`)
  return context
}
