import { fail } from '#base'
import { isDigest } from './digest.ts'
import { asArray, asObject, asString, asStringMap, asStrings, checked, parseObject } from './json.ts'
import type { Digest, Healthcheck, History, ImageConfig, Platform, ProcessConfig } from './types.ts'

/**
 * An image config from untrusted bytes (image-spec config.md). Docker's oldest images name no
 * system or architecture: `os` reads `linux` then, and `architecture` is empty.
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const config = checked(parseObject(bytes, 'image config'), 'image config', {
    created: asString,
    author: asString,
    architecture: asString,
    os: asString,
    variant: asString,
    'os.version': asString,
    'os.features': asStrings,
    config: asProcessConfig,
    rootfs: asRootfs,
    history: (value, what) => asArray(value, what).map((item, i) => asHistory(item, `${what}[${i}]`)),
  })
  if (config.rootfs === undefined)
    fail('invalid_argument', 'image config has no rootfs', { hint: 'is this an artifact rather than an image?' })
  return { ...config, architecture: config.architecture ?? '', os: config.os || 'linux' } as unknown as ImageConfig
}

/** The platform that an image says it is for. */
export function platformOf(config: ImageConfig): Platform {
  const { architecture, os, variant, 'os.version': version, 'os.features': features } = config
  return {
    architecture,
    os,
    ...(variant ? { variant } : {}),
    ...(version ? { 'os.version': version } : {}),
    ...(features ? { 'os.features': features } : {}),
  }
}

function asRootfs(value: unknown, what: string): ImageConfig['rootfs'] {
  const rootfs = asObject(value, what)
  if (rootfs.type !== 'layers') fail('invalid_argument', `${what}.type must be "layers"`)
  const diffIds = asArray(rootfs.diff_ids, `${what}.diff_ids`)
  for (const [i, id] of diffIds.entries())
    if (!isDigest(id)) fail('invalid_argument', `${what}.diff_ids[${i}] is not a digest`)
  return { type: 'layers', diff_ids: diffIds as readonly Digest[] }
}

function asProcessConfig(value: unknown, what: string): ProcessConfig {
  return checked(asObject(value, what), what, {
    User: asString,
    ExposedPorts: asKeySet,
    Env: asStrings,
    Entrypoint: asCommand,
    Cmd: asCommand,
    Volumes: asKeySet,
    WorkingDir: asString,
    Labels: asStringMap,
    StopSignal: asString,
    Shell: asStrings,
    OnBuild: asStrings,
    Healthcheck: asHealthcheck,
    ArgsEscaped: asBoolean,
  }) as ProcessConfig
}

/** A list of words; one string, as very old images have it, is one word. */
function asCommand(value: unknown, what: string): readonly string[] {
  return typeof value === 'string' ? [value] : asStrings(value, what)
}

/** A set written as an object with empty objects (or null) for values. */
function asKeySet(value: unknown, what: string): Readonly<Record<string, object>> {
  const keys = Object.keys(asObject(value, what))
  return Object.fromEntries(keys.map((key) => [key, {}]))
}

function asHealthcheck(value: unknown, what: string): Healthcheck {
  return checked(asObject(value, what), what, {
    Test: asStrings,
    Interval: asCount,
    Timeout: asCount,
    StartPeriod: asCount,
    StartInterval: asCount,
    Retries: asCount,
  }) as Healthcheck
}

function asHistory(value: unknown, what: string): History {
  return checked(asObject(value, what), what, {
    created: asString,
    author: asString,
    created_by: asString,
    comment: asString,
    empty_layer: asBoolean,
  }) as History
}

function asBoolean(value: unknown, what: string): boolean {
  return typeof value === 'boolean' ? value : fail('invalid_argument', `${what} must be true or false`)
}

function asCount(value: unknown, what: string): number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
    ? value
    : fail('invalid_argument', `${what} must be a number, not negative`)
}
