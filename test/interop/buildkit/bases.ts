import { readFileSync } from 'node:fs'
import { collect, streamOf } from '#base'
import { writeTar } from '#codec'
import { openLayout } from '#content'
import { composeImage } from '#image'
import { describe, hostPlatform, MediaType, type Descriptor, type Digest, type ProcessConfig } from '#oci'
import { busyboxRootfs, entryOf, fileEntry } from '#testkit'

const PATH = 'PATH=/bin:/usr/bin'

/** The images that cases begin with: each is busybox with a second layer and a config that says something. */
const BASES: Readonly<Record<string, ProcessConfig>> = {
  busybox: { Cmd: ['sh'], Env: [PATH] },
  /** Every member is set, so that a case shows what is inherited. */
  parent: {
    Env: [PATH, 'FROM_PARENT=yes', 'VERSION=1.2.3'],
    Cmd: ['from', 'parent'],
    Entrypoint: ['/entry'],
    User: 'user',
    WorkingDir: '/srv',
    Labels: { parent: 'label', 'org.example.name': 'parent' },
    ExposedPorts: { '81/tcp': {} },
    Volumes: { '/parent': {} },
    StopSignal: 'SIGUSR1',
    Shell: ['/bin/sh', '-e', '-c'],
    Healthcheck: { Test: ['CMD', 'parent'], Interval: 5_000_000_000 },
  },
  /** Its triggers run in the stage that begins with it. */
  trigger: {
    Env: [PATH],
    Cmd: ['sh'],
    OnBuild: ['ENV TRIGGERED=yes', 'COPY Dockerfile /trigger/', 'RUN echo $TRIGGERED > /trigger/run'],
  },
  /** No PATH, no working directory, no history. */
  bare: {},
}

/** Puts the bases into an OCI layout, each under its name; answers with their manifests. */
export async function writeBases(directory: string): Promise<ReadonlyMap<string, Descriptor>> {
  const layout = openLayout(directory, { create: true })
  const manifests = new Map<string, Descriptor>()
  const put = async (bytes: Uint8Array): Promise<{ descriptor: Descriptor; diffId: Digest }> => {
    const { descriptor } = await describe(MediaType.ociLayer, bytes)
    await layout.put(descriptor, streamOf(bytes))
    return { descriptor, diffId: descriptor.digest }
  }
  const rootfs = await put(readFileSync(await busyboxRootfs()))
  const second = await put(await collect(writeTar(secondLayer()), 1 << 20))
  for (const [name, config] of Object.entries(BASES)) {
    const { manifest, config: document } = await composeImage({
      platform: hostPlatform(),
      layers: [rootfs, second],
      config,
      author: name === 'parent' ? 'the parent' : '',
      ...(name === 'bare'
        ? {}
        : { history: [{ created_by: 'rootfs' }, { created_by: 'second' }, { created_by: 'CMD', empty_layer: true }] }),
    })
    for (const part of [document, manifest]) await layout.put(part.descriptor, streamOf(part.bytes))
    await layout.tag(manifest.descriptor, `docker.io/library/${name}:latest`)
    manifests.set(name, manifest.descriptor)
  }
  return manifests
}

function secondLayer(): Parameters<typeof writeTar>[0] {
  const user = { uid: 1000, gid: 1000 }
  return [
    entryOf('directory', 'srv'),
    fileEntry('srv/file', 'of the parent\n', { ...user, mtime: 1_000_000_000_000_000_000n }),
    entryOf('directory', 'srv/dir', { mode: 0o2775, gid: 50 }),
    fileEntry('srv/dir/tool', '#!/bin/sh\necho tool\n', { mode: 0o4755 }),
    entryOf('symlink', 'srv/link', { mode: 0o777, linkname: 'dir' }),
    entryOf('symlink', 'srv/absolute', { mode: 0o777, linkname: '/srv/dir' }),
  ]
}
