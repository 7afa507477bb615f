import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import type { Digest } from '#oci'
import { tempDir } from '#testkit'
import { openDatabase } from './database.ts'
import { acquireLease, leasedItems } from './lease.ts'
import { isAlive, ownerTag, ownIdentity, tagIsAlive } from './process.ts'

const digest = (name: string): Digest => `sha256:${name.repeat(64)}`

describe('leases', () => {
  test('hold what was added until they are let go', async () => {
    using dir = tempDir()
    using db = openDatabase(join(dir.path, 'cairn.db'))
    const lease = acquireLease(db, 'pull debian')
    lease.add(digest('a'))
    lease.add(digest('a'))
    lease.add(digest('b'))
    expect(leasedItems(db)).toEqual([
      { digest: digest('a'), holder: `pull debian (process ${process.pid})` },
      { digest: digest('b'), holder: `pull debian (process ${process.pid})` },
    ])
    await lease[Symbol.asyncDispose]()
    expect(leasedItems(db)).toEqual([])
  })

  test('of an ended process hold nothing; of one out of sight, for a day', async () => {
    using dir = tempDir()
    using db = openDatabase(join(dir.path, 'cairn.db'))
    const lease = acquireLease(db, 'pull')
    lease.add(digest('a'))
    const { domain } = ownIdentity()
    const insert = (id: string, start: string, where: string, created: number): void => {
      db.run('INSERT INTO lease VALUES (?, ?, ?, ?, ?, ?)', id, id, process.pid, start, where, created)
      db.run('INSERT INTO lease_item VALUES (?, ?)', id, digest('c'))
    }
    insert('reused pid', '1', domain, Date.now())
    insert('last boot', '1', `before ${domain.split(' ')[1]}`, Date.now())
    insert('elsewhere', '1', `${domain.split(' ')[0]} pid:[1]`, Date.now())
    insert('elsewhere, long ago', '1', `${domain.split(' ')[0]} pid:[1]`, 0)
    expect(new Set(leasedItems(db).map((item) => item.holder.split(' (')[0]))).toEqual(new Set(['elsewhere', 'pull']))
    expect(db.all('SELECT * FROM lease_item')).toHaveLength(2)
    await lease[Symbol.asyncDispose]()
  })

  test('a process is known by pid, start and boot', async () => {
    expect(isAlive(ownIdentity())).toBe(true)
    expect(tagIsAlive(`${ownerTag()}-7`)).toBe(true)
    expect(tagIsAlive('nonsense')).toBeUndefined()
    const child = Bun.spawn(['sleep', '100'])
    const script = `import { ownIdentity } from '${import.meta.dir}/process.ts'; console.log(JSON.stringify(ownIdentity()))`
    const ended = JSON.parse(await new Response(Bun.spawn([process.execPath, '-e', script]).stdout).text())
    expect(isAlive(ended)).toBe(false)
    expect(isAlive({ ...ownIdentity(), pid: child.pid })).toBe(false)
    child.kill()
    await child.exited
  })
})
