import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import { lacking, skipReason } from '#testkit'
import { answers } from './agent.ts'
import { readKey } from './key.ts'
import { serveAgent } from './serve.ts'

const isMissing = skipReason('SSH agents', lacking('ssh-keygen'), lacking('ssh-add'))

/** Every kind that OpenSSH makes, in its own format and in PEM where there is one. */
const KINDS = [
  ['ed25519', []],
  ['rsa', ['-b', '2048']],
  ['rsa-pem', ['-t', 'rsa', '-b', '2048', '-m', 'PEM']],
  ['ecdsa-256', ['-t', 'ecdsa', '-b', '256']],
  ['ecdsa-384', ['-t', 'ecdsa', '-b', '384']],
  ['ecdsa-521', ['-t', 'ecdsa', '-b', '521']],
  ['ecdsa-pem', ['-t', 'ecdsa', '-b', '256', '-m', 'PEM']],
] as const

let dir: string

beforeAll(() => {
  if (isMissing) return
  dir = mkdtempSync('/var/tmp/cairn-ssh-')
  for (const [name, flags] of KINDS)
    must(
      'ssh-keygen',
      '-q',
      '-N',
      '',
      '-C',
      `${name} key`,
      '-t',
      name.replace(/-.*/, ''),
      ...flags,
      '-f',
      join(dir, name),
    )
  must('ssh-keygen', '-q', '-N', 'passphrase', '-t', 'ed25519', '-f', join(dir, 'locked'))
})

afterAll(() => dir && rmSync(dir, { recursive: true, force: true }))

function must(program: string, ...args: readonly string[]): SpawnSyncReturns<string> {
  const done = spawnSync(program, args, { encoding: 'utf8' })
  expect(done.stderr).toBe('')
  return done
}

async function withAgent(socket: string, ...command: readonly string[]): Promise<string> {
  const child = Bun.spawn([...command], { env: { ...process.env, SSH_AUTH_SOCK: socket }, stderr: 'pipe' })
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  return out + err
}

describe.skipIf(isMissing)('needs OpenSSH: an agent of our own', () => {
  test('lists its keys, and OpenSSH accepts its signatures', async () => {
    const keys = KINDS.map(([name]) => join(dir, name))
    const socket = join(dir, 'agent')
    await using _agent = await serveAgent({ keys }, socket)
    const listed = await withAgent(socket, 'ssh-add', '-L')
    const blobs = (text: string): string[] =>
      text
        .trim()
        .split('\n')
        .map((line) => line.split(' ')[1]!)
    expect(blobs(listed)).toEqual(keys.map((key) => blobs(readFileSync(`${key}.pub`, 'utf8'))[0]!))
    for (const key of keys) {
      writeFileSync(join(dir, 'text'), key)
      await withAgent(socket, 'ssh-keygen', '-q', '-Y', 'sign', '-n', 'file', '-f', `${key}.pub`, join(dir, 'text'))
      writeFileSync(join(dir, 'signers'), `me ${readFileSync(`${key}.pub`, 'utf8')}`)
      const verified = spawnSync(
        'ssh-keygen',
        ['-Y', 'verify', '-f', join(dir, 'signers'), '-I', 'me', '-n', 'file', '-s', join(dir, 'text.sig')],
        { input: key, encoding: 'utf8' },
      )
      expect(verified.stdout).toContain('Good "file" signature')
      rmSync(join(dir, 'text.sig'))
    }
  })

  test('nothing can be added or removed', async () => {
    const socket = join(dir, 'fixed')
    await using _agent = await serveAgent({ keys: [join(dir, 'ed25519')] }, socket)
    expect(await withAgent(socket, 'ssh-add', '-D')).toContain('Failed')
    expect(await withAgent(socket, 'ssh-add', '-q', join(dir, 'rsa'))).not.toBe('')
    expect((await withAgent(socket, 'ssh-add', '-l')).trim().split('\n')).toHaveLength(1)
  })

  test('passes on to an agent that runs elsewhere', async () => {
    const [inner, outer] = [join(dir, 'inner'), join(dir, 'outer')]
    await using _inner = await serveAgent({ keys: [join(dir, 'ed25519')] }, inner)
    await using _outer = await serveAgent({ socket: inner }, outer)
    expect(await withAgent(outer, 'ssh-add', '-L')).toBe(await withAgent(inner, 'ssh-add', '-L'))
  })

  test('what talks something else is cut off', async () => {
    const socket = join(dir, 'rude')
    await using _agent = await serveAgent({ keys: [join(dir, 'ed25519')] }, socket)
    const client = connect(socket)
    client.write(Buffer.alloc(8, 0xff))
    await new Promise((resolve) => client.on('close', resolve))
  })

  test('a key with a passphrase, no key, no agent: one line', async () => {
    expect(() => readKey(join(dir, 'locked'))).toThrow('has a passphrase')
    expect(() => readKey(join(dir, 'text'))).toThrow(/SSH key .*text: /)
    expect(() => readKey(join(dir, 'nope'))).toThrow(/SSH key .*nope: /)
    expect(serveAgent({ socket: join(dir, 'nope') }, join(dir, 'x'))).rejects.toThrow('no SSH agent')
  })
})

test('whatever comes in whatever pieces, an agent answers or gives up', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (chunks) => {
      const answer = answers([])
      try {
        for (const chunk of chunks) for (const message of answer(chunk)) expect(message.length).toBeGreaterThan(4)
      } catch (error) {
        expect(String(error)).toMatch(/truncated|agent request of/)
      }
    }),
  )
})
