import { expect, test } from 'bun:test'
import { failure } from '#testkit'
import { SourceTree } from './tree.ts'

test('a file that cannot be read, even by root, is named', async () => {
  using tree = new SourceTree('/proc/sys/vm')
  const { message } = await failure((async () => tree.open('drop_caches'))(), 'permission_denied')
  expect(message).toBe('cannot read "drop_caches": permission denied')
})
