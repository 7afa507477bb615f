import { openSome } from './opensome.ts'
import { familiarName, familiarRepository, parseReference } from '#oci'
import type { Parts } from '../parts.ts'
import { factsFor } from './facts.ts'
import { locate } from './find.ts'
import { ofWhole } from './whole.ts'

/** An image in the shape of Docker's `image inspect`. */
export async function inspect(parts: Parts, ref: string): Promise<object> {
  const { root } = await locate(parts, ref)
  const [store, names] = await Promise.all([parts.store(), parts.names()])
  const { manifest, config } = await ofWhole(parts, { ref, root }, () => openSome(store, root))
  const { size } = await factsFor(parts, root)
  const named = names.withDigest(root.digest)
  const references = named.flatMap(({ name }) => (name === undefined ? [] : [parseReference(name)]))
  const settings = config.config ?? {}
  return {
    Id: manifest.config.digest,
    RepoTags: references.map(familiarName),
    RepoDigests: [...new Set(references.map(familiarRepository))].map((repository) => `${repository}@${root.digest}`),
    Comment: config.history?.at(-1)?.comment ?? '',
    Created: config.created ?? '',
    Author: config.author ?? '',
    Config: {
      Hostname: '',
      Domainname: '',
      User: settings.User ?? '',
      ...(settings.ExposedPorts && { ExposedPorts: settings.ExposedPorts }),
      Env: settings.Env ?? [],
      Cmd: settings.Cmd ?? null,
      ...(settings.Healthcheck && { Healthcheck: settings.Healthcheck }),
      Volumes: settings.Volumes ?? null,
      WorkingDir: settings.WorkingDir ?? '',
      Entrypoint: settings.Entrypoint ?? null,
      OnBuild: settings.OnBuild ?? null,
      Labels: settings.Labels ?? null,
      ...(settings.StopSignal && { StopSignal: settings.StopSignal }),
      ...(settings.Shell && { Shell: settings.Shell }),
    },
    Architecture: config.architecture,
    ...(config.variant !== undefined && { Variant: config.variant }),
    Os: config.os,
    Size: size,
    GraphDriver: { Name: 'overlay', Data: null },
    RootFS: { Type: 'layers', Layers: config.rootfs.diff_ids },
    Metadata: { LastTagTime: new Date(Math.max(0, ...named.map(({ created }) => created))).toISOString() },
    Descriptor: { mediaType: root.mediaType, digest: root.digest, size: root.size },
  }
}
