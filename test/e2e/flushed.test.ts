import { afterAll, beforeAll, expect, test } from 'bun:test'
import { cairnNode, lacking, must, needsRoot, run, skipReason, type TestNode } from '#testkit'

const skip = skipReason('flushed', needsRoot(), lacking('crun', 'conmon', 'nft'))

let node: TestNode

beforeAll(async () => {
  if (!skip) node = await cairnNode()
}, 60_000)

afterAll(async () => {
  if (skip) return
  expect(node.leftovers()).toEqual([])
  await node[Symbol.asyncDispose]()
})

test.skipIf(skip)(
  'ports that a flushed firewall has lost come back with the next container',
  async () => {
    const serve = 'echo served > /index.html; httpd -f -p 80 -h /'
    await node.must(['run', '-d', '--name', 'web', '-p', '80', 'busybox', 'sh', '-c', serve])
    await node.must(['exec', 'web', 'sh', '-c', 'until wget -q -O /dev/null http://127.0.0.1/; do :; done'])
    const bindings = '{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}'
    const port = (await node.must(['inspect', '-f', bindings, 'web'])).trim()
    const served = (): Promise<string> =>
      fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(5000) }).then(
        (response) => response.text(),
        () => 'nothing',
      )
    expect(await served()).toBe('served\n')
    // Of a flush, what concerns this node alone.
    const tables = (await must(['nft', 'list', 'tables'])).split('\n')
    for (const table of tables.filter((line) => line.includes(' cairn_'))) {
      const listed = await run(['nft', 'list', ...table.split(' ')])
      if (listed.stdout.includes(` ${port} `)) await must(['nft', 'delete', ...table.split(' ')])
    }
    expect(await served()).toBe('nothing')
    await node.must(['run', '--rm', 'busybox', 'true'])
    expect(await served()).toBe('served\n')
    await node.must(['rm', '-f', 'web'])
  },
  30_000,
)
