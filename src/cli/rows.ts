import { formatPorts, type Container, type ContainerSize, type ImageSummary } from '#engine'
import { ago, duration, timestamp } from './format/units.ts'
import { size } from './format/units.ts'
import type { Row } from './format/list.ts'

/** 12 hex digits, as docker shorts an ID. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, 12)
}

/** `ps`'s STATUS: `Up 3 minutes`, `Exited (0) 2 hours ago`. */
export function status(container: Container, now: number): string {
  switch (container.state) {
    case 'created':
      return 'Created'
    case 'running':
      return `Up ${duration(now - (container.started ?? now))}`
    case 'paused':
      return `Up ${duration(now - (container.started ?? now))} (Paused)`
    case 'exited':
      return `Exited (${container.exitCode ?? 0}) ${ago(container.finished, now)}`
    case 'removing':
      return 'Removal In Progress'
  }
}

/** A container under docker's field names. */
export function containerRow(
  container: Container,
  options: { readonly full: boolean; readonly now: number; readonly size?: ContainerSize },
): Row {
  const { config } = container
  const line = config.args.map((arg) => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg}'`)).join(' ')
  const shown = options.full ? line : clip(line, 20)
  return {
    ID: options.full ? container.id : shortId(container.id),
    Image: container.image,
    Command: JSON.stringify(shown).replace(/\\u2026/g, '…'),
    CreatedAt: timestamp(container.created),
    RunningFor: ago(container.created, options.now),
    Ports:
      container.state === 'running' || container.state === 'paused'
        ? formatPorts(container.attached?.ports ?? [], {
            exposed: config.exposed,
            ipv6: container.attached?.ipv6 !== undefined,
          })
        : '',
    State: container.state,
    Status: status(container, options.now),
    Names: container.name,
    ...labelFields(config.labels),
    Mounts: config.mounts
      .map((mount) => clip(mount.name ?? (mount.source || mount.target), options.full ? 999 : 15))
      .join(','),
    LocalVolumes: String(config.mounts.filter((mount) => mount.type === 'volume').length),
    Networks: config.network,
    Size: options.size ? `${size(options.size.written)} (virtual ${size(options.size.total)})` : '0B',
  }
}

/** An image under docker's field names; one row per name. */
export function imageRow(
  image: ImageSummary,
  name: string | undefined,
  options: { readonly full: boolean; readonly now: number },
): Row {
  const colon = name === undefined ? -1 : name.lastIndexOf(':')
  return {
    Repository: name === undefined ? '<none>' : name.slice(0, colon),
    Tag: name === undefined ? '<none>' : name.slice(colon + 1),
    ID: options.full ? image.id : shortId(image.id),
    Digest: image.digest,
    CreatedSince: ago(image.created, options.now),
    CreatedAt: timestamp(image.created),
    Size: size(image.size),
    VirtualSize: size(image.size),
    SharedSize: 'N/A',
    UniqueSize: 'N/A',
    Containers: String(image.containers),
  }
}

/** Labels as listings have them: all in one field, and one by its name: `{{.Label "who"}}`. */
export function labelFields(labels: Readonly<Record<string, string>>): Row {
  return {
    Labels: Object.entries(labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
    Label: (name: unknown) => (Object.hasOwn(labels, String(name)) ? labels[String(name)] : ''),
  }
}

function clip(text: string, length: number): string {
  const letters = Array.from(text)
  return letters.length > length ? `${letters.slice(0, length - 1).join('')}…` : text
}
