import { fail } from '#base'
import type { Digest, History, ImageConfig, Platform, ProcessConfig } from '#oci'
import type { HistoryDraft, StageState } from '../dockerfile/plan/state.ts'

export interface ConfigOptions {
  readonly layers: readonly Digest[]
  /** Seconds since the epoch: the time of everything new. */
  readonly created: number
  readonly labels: Readonly<Record<string, string>>
  readonly platform: Platform
}

const COMMENT = 'buildkit.dockerfile.v0'

/** The image config: members in a fixed order, maps sorted, so that equal builds give equal bytes. */
export function imageConfig(state: StageState, options: ConfigOptions): ImageConfig {
  const { architecture, os, variant } = options.platform
  const created = timestamp(options.created)
  return {
    architecture,
    ...(state.author ? { author: state.author } : {}),
    config: processConfig(state.config, options.labels),
    created,
    history: history(state.history, options.layers.length, created),
    os,
    ...optional('os.version', options.platform['os.version']),
    ...optional('os.features', options.platform['os.features']),
    rootfs: { type: 'layers', diff_ids: options.layers },
    ...(variant ? { variant } : {}),
  }
}

/** RFC 3339, as Go writes whole seconds. */
export function timestamp(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
}

function processConfig(config: ProcessConfig, labels: Readonly<Record<string, string>>): ProcessConfig {
  const merged = { ...config.Labels, ...labels }
  return {
    ...optional('User', config.User),
    ...optional('ExposedPorts', sorted(config.ExposedPorts)),
    ...optional('Env', config.Env),
    ...optional('Entrypoint', config.Entrypoint),
    ...optional('Cmd', config.Cmd),
    ...optional('Volumes', sorted(config.Volumes)),
    ...optional('WorkingDir', config.WorkingDir),
    ...optional('Labels', sorted(merged)),
    ...optional('StopSignal', config.StopSignal),
    ...optional('ArgsEscaped', config.ArgsEscaped),
    ...optional('Healthcheck', config.Healthcheck),
    ...optional('OnBuild', config.OnBuild && config.OnBuild.length > 0 ? config.OnBuild : undefined),
    ...optional('Shell', config.Shell),
  }
}

/** New entries get their time; the base image's keep theirs, made to agree with the layers that it really has. */
function history(drafts: readonly HistoryDraft[], layers: number, created: string): History[] {
  const base = drafts.filter((entry) => entry.base)
  const own = drafts.filter((entry) => !entry.base)
  const ownLayers = own.filter((entry) => !entry.empty_layer).length
  if (ownLayers > layers) fail('internal', `history has ${ownLayers} layers where the image has ${layers}`)
  return [
    ...agreeing(base, layers - ownLayers, created),
    ...own.map((entry) => ({
      created,
      created_by: entry.created_by ?? '',
      comment: COMMENT,
      ...(entry.empty_layer ? { empty_layer: true } : {}),
    })),
  ]
}

/** Entries with exactly `layers` that are not empty: some tools write none, or too many. */
function agreeing(entries: readonly HistoryDraft[], layers: number, created: string): History[] {
  let left = layers
  const kept = entries.map((draft): History => {
    const { base: _base, ...entry } = draft
    if (entry.empty_layer) return entry
    return left-- > 0 ? entry : { ...entry, empty_layer: true }
  })
  for (; left > 0; left--) kept.push({ created, created_by: '', comment: 'a layer without history' })
  return kept
}

function optional<K extends string, V>(name: K, value: V): { [P in K]?: NonNullable<V> } {
  const isAbsent = value === undefined || value === null || value === ''
  return (isAbsent ? {} : { [name]: value }) as { [P in K]?: NonNullable<V> }
}

/** A map by its names; undefined when it is empty. */
function sorted<V>(map: Readonly<Record<string, V>> | null | undefined): Readonly<Record<string, V>> | undefined {
  const entries = Object.entries(map ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return entries.length > 0 ? Object.fromEntries(entries) : undefined
}
