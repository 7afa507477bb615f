import { existsSync } from 'node:fs'
import { createServer, connect, type Socket } from 'node:net'
import { dirname, basename } from 'node:path'
import { fail } from '#base'
import { close, O, openPath } from '#sys'
import type { SshSource } from '../options/step.ts'
import { answers } from './agent.ts'
import { readKey } from './key.ts'

/** Listens at a path for as long as it is not disposed: passes on to an agent, or is a small agent itself. */
export async function serveAgent(source: SshSource, path: string): Promise<AsyncDisposable> {
  const serve = 'socket' in source ? forwarder(source.socket) : agent(source.keys)
  const open = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (client) => {
    open.add(client)
    client.on('close', () => open.delete(client))
    // A step that goes away in the middle is no error of the build.
    client.on('error', () => client.destroy())
    serve(client)
  })
  // A socket's address holds 108 bytes: the directory stands in it by its descriptor.
  const directory = openPath(dirname(path), O.PATH | O.DIRECTORY)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(`/proc/self/fd/${directory}/${basename(path)}`, resolve)
    })
  } finally {
    close(directory)
  }
  return {
    [Symbol.asyncDispose]: async () => {
      for (const client of open) client.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

function forwarder(socket: string): (client: Socket) => void {
  if (!existsSync(socket))
    fail('not_found', `there is no SSH agent at ${socket}`, { hint: 'start one: eval $(ssh-agent); ssh-add' })
  return (client) => {
    const upstream = connect(socket)
    upstream.on('error', () => client.destroy())
    client.on('close', () => upstream.destroy())
    client.pipe(upstream).pipe(client)
  }
}

function agent(files: readonly string[]): (client: Socket) => void {
  const keys = files.map(readKey)
  return (client) => {
    const answer = answers(keys)
    client.on('data', (chunk) => {
      try {
        for (const message of answer(chunk)) client.write(message)
      } catch {
        // What talks no agent protocol gets no answer.
        client.destroy()
      }
    })
    client.on('end', () => client.end())
  }
}
