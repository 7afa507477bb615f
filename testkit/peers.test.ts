import { expect, test } from 'bun:test'
import { busyboxRootfs, containersStorage, lacking, needsRoot, skipReason, startDockerd } from './index.ts'

test.skipIf(skipReason('private dockerd', needsRoot(), lacking('dockerd')))(
  'a private dockerd imports and runs',
  async () => {
    await using docker = await startDockerd()
    expect((await docker.docker(['import', await busyboxRootfs(), 'busybox'])).code).toBe(0)
    expect((await docker.docker(['run', '--rm', '--network', 'none', 'busybox', 'echo', 'hi'])).stdout).toBe('hi\n')
  },
)

test.skipIf(skipReason('private podman', needsRoot(), lacking('podman')))(
  'a private podman imports and runs',
  async () => {
    await using storage = containersStorage()
    expect((await storage.podman(['import', '-q', await busyboxRootfs(), 'busybox'])).code).toBe(0)
    const ran = await storage.podman(['run', '--rm', '--network', 'none', 'busybox', 'echo', 'hi'])
    expect(ran).toMatchObject({ code: 0, stdout: 'hi\n' })
  },
)
