import { expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { tempDir, type TempDir } from '#testkit'
import { cgroupUsage } from './usage.ts'

function tree(files: Readonly<Record<string, string>>): TempDir {
  const dir = tempDir()
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir.path, path)), { recursive: true })
    writeFileSync(join(dir.path, path), text)
  }
  return dir
}

test('one hierarchy: the group that the container’s processes are in', () => {
  using dir = tree({
    'c/container/cpu.stat': 'usage_usec 1500\nuser_usec 1000\n',
    'c/container/memory.current': '5000\n',
    'c/container/memory.stat': 'anon 1\ninactive_file 2000\nactive_file 7\n',
    'c/container/memory.max': 'max\n',
    'c/container/pids.current': '3\n',
    'c/container/io.stat': '8:0 rbytes=10 wbytes=20 rios=1 wios=1 dbytes=0 dios=0\n8:16 rbytes=1 wbytes=2 rios=1\n',
  })
  expect(cgroupUsage('/c', 'v2', dir.path)).toEqual({
    cpu: 1_500_000,
    memory: 3000,
    memoryLimit: Infinity,
    processes: 3,
    read: 11,
    written: 22,
  })
  expect(cgroupUsage('/other', 'v2', dir.path)).toBeUndefined()
  using scope = tree({ 's/cpu.stat': 'usage_usec 2\n', 's/pids.current': '4\n' })
  expect(cgroupUsage('/s', 'v2', scope.path)).toMatchObject({ cpu: 2000, processes: 4 })
})

test('one for each controller, whichever there are', () => {
  using dir = tree({
    'cpuacct/c/cpuacct.usage': '1500000\n',
    'memory/c/memory.usage_in_bytes': '5000\n',
    'memory/c/memory.stat': 'inactive_file 1\ntotal_inactive_file 6000\n',
    'memory/c/memory.limit_in_bytes': '104857600\n',
    'pids/c/pids.current': '3\n',
    'blkio/c/blkio.io_service_bytes_recursive': 'Total 0\n',
    'blkio/c/blkio.throttle.io_service_bytes_recursive': '8:0 Read 10\n8:0 Write 20\n8:0 Total 30\nTotal 30\n',
  })
  const usage = { cpu: 1_500_000, memory: 5000, memoryLimit: 104857600, processes: 3, read: 10, written: 20 }
  for (const mode of ['v1', 'hybrid'] as const) expect(cgroupUsage('/c', mode, dir.path)).toEqual(usage)
  using bare = tree({ 'pids/c/pids.current': '1\n', 'memory/c/memory.limit_in_bytes': '9223372036854771712\n' })
  expect(cgroupUsage('/c', 'v1', bare.path)).toMatchObject({ cpu: 0, memoryLimit: Infinity, processes: 1 })
  expect(cgroupUsage('/other', 'v1', bare.path)).toBeUndefined()
})
