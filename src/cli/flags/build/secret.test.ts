import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { tempDir } from '#testkit'
import { parseSecret, parseSsh } from './secret.ts'

test('secrets: files and variables, as buildx words them', () => {
  using dir = tempDir()
  const file = join(dir.path, 'f,g')
  writeFileSync(file, '')
  expect(parseSecret(`id=a,"src=${file}"`)).toEqual(['a', { file }])
  expect(parseSecret(`type=file,id=a,"source=${file}"`)).toEqual(['a', { file }])
  expect(parseSecret('id=a,env=PATH')).toEqual(['a', { env: 'PATH' }])
  expect(parseSecret('id=a,type=env,src=PATH')).toEqual(['a', { env: 'PATH' }])
  expect(parseSecret('id=PATH,type=env')).toEqual(['PATH', { env: 'PATH' }])
  expect(parseSecret('id=PATH')).toEqual(['PATH', { env: 'PATH' }])
  for (const [text, message] of [
    ['src=/x', 'no id'],
    ['id=a,what=b', 'unknown key "what"'],
    ['id=a,type=vault', 'unsupported type "vault"'],
    ['id=a,required', 'no key=value pair'],
    [`id=a,src=${dir.path}`, 'there is no file'],
  ] as const)
    expect(() => parseSecret(text)).toThrow(message)
})

test('SSH: the agent, a socket, keys', async () => {
  using dir = tempDir()
  const [key, socket] = [join(dir.path, 'key'), join(dir.path, 'socket')]
  writeFileSync(key, '')
  const server = createServer().listen(socket)
  await new Promise((resolve) => server.once('listening', resolve))
  try {
    expect(parseSsh(`git=${socket}`)).toEqual(['git', { socket }])
    expect(parseSsh(`git=${key},${key}`)).toEqual(['git', { keys: [key, key] }])
    expect(() => parseSsh(`git=${key},${socket}`)).toThrow('stands alone')
    expect(() => parseSsh(`git=${key}x`)).toThrow(`there is no ${key}x`)
    expect(() => parseSsh('=x')).toThrow('no id')
    const own = process.env['SSH_AUTH_SOCK']
    process.env['SSH_AUTH_SOCK'] = socket
    expect(parseSsh('default')).toEqual(['default', { socket }])
    delete process.env['SSH_AUTH_SOCK']
    expect(() => parseSsh('default')).toThrow('SSH_AUTH_SOCK is not set')
    if (own !== undefined) process.env['SSH_AUTH_SOCK'] = own
  } finally {
    server.close()
  }
})
