import { appendFileSync, copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { debianPythonRootfs, must, run } from '#testkit'
import type { Contestant } from '../measure.ts'
import type { Row } from '../row.ts'
import type { Stage } from '../stage.ts'

/** Pushes a layer of 170 MB that was imported a moment ago and that the registry has never seen. */
async function pushNew(stage: Stage): Promise<readonly Contestant[]> {
  const { cairn, docker, storage, dir } = stage
  const { host } = (await stage.registries()).cairn
  const name = `${host}/new/big`
  const fresh = freshTar(join(dir, 'fresh.tar'), await debianPythonRootfs())
  const contestant = (
    engine: string,
    push: readonly string[],
    command: (args: readonly string[]) => readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Contestant => ({
    name: engine,
    argv: push,
    env,
    before: async () => void (await must(command(['import', await fresh(), name]), { env })),
    after: async () => void (await run(command(['rmi', '-f', name]), { env })),
  })
  const podman = (args: readonly string[]): readonly string[] => storage!.command('podman', args)
  const skopeo = ['copy', '-q', '--dest-tls-verify=false', `containers-storage:${name}`, `docker://${name}`]
  return [
    contestant('cairn', cairn(['push', '-q', name]), cairn),
    ...(storage
      ? [
          contestant('podman', podman(['push', '-q', '--tls-verify=false', name]), podman, storage.env),
          contestant('skopeo', storage.command('skopeo', skopeo), podman, storage.env),
        ]
      : []),
    ...(docker
      ? [contestant('docker', [docker.client, 'push', '-q', name], (a) => [docker.client, ...a], docker.env)]
      : []),
  ]
}

/** The tar with one file more each time: a layer like the last, under another digest. */
function freshTar(path: string, from: string): () => Promise<string> {
  let count = 0
  return async () => {
    copyFileSync(from, path)
    const extra = `fresh-${process.pid}-${++count}`
    appendFileSync(join(path, '..', extra), `${extra}\n`)
    await must(['tar', '-C', join(path, '..'), '-rf', path, extra])
    return path
  }
}

export const pushRows: readonly Row[] = [{ title: '`push` a new layer of 170 MB', rounds: 5, contestants: pushNew }]
