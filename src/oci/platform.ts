import { fail } from '#base'
import { Annotation } from './annotation.ts'
import type { Descriptor, Platform } from './types.ts'

const ARCHITECTURES: ReadonlySet<string> = new Set(
  '386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x wasm'.split(' '),
)
const SYSTEMS: ReadonlySet<string> = new Set(
  'aix android darwin dragonfly freebsd illumos ios js linux netbsd openbsd plan9 solaris windows wasip1'.split(' '),
)

/** The platform of the machine that runs this; linux/amd64 where the host does not say. */
export function hostPlatform(): Platform {
  const host = (globalThis as { process?: { platform?: string; arch?: string } }).process
  const architecture = { x64: 'amd64', ia32: '386' }[host?.arch ?? 'x64'] ?? host?.arch ?? 'amd64'
  return normalizePlatform({ os: host?.platform === 'win32' ? 'windows' : (host?.platform ?? 'linux'), architecture })
}

/**
 * Reads `os/arch[/variant]`, or one of them alone (`arm64`, `linux`), the rest from `host`.
 * Names are normalised: `linux/aarch64/v8` is linux/arm64.
 */
export function parsePlatform(text: string, host: Platform = hostPlatform()): Platform {
  const parts = text.split('/')
  if (parts.length > 3 || !parts.every((part) => /^[A-Za-z0-9_.-]{1,64}$/.test(part)))
    fail('invalid_argument', `invalid platform ${JSON.stringify(text.slice(0, 100))}: expected os/arch[/variant]`)
  const [first = '', second, variant] = parts
  if (second !== undefined)
    return normalizePlatform({ os: first, architecture: second, ...(variant === undefined ? {} : { variant }) })
  const asSystem = normalizePlatform({ ...host, os: first })
  if (SYSTEMS.has(asSystem.os)) return asSystem
  const asArchitecture = normalizePlatform({ os: host.os, architecture: first })
  if (ARCHITECTURES.has(asArchitecture.architecture)) return asArchitecture
  return fail('invalid_argument', `unknown operating system or architecture ${JSON.stringify(text)}`, {
    hint: 'write os/arch[/variant], for example linux/arm64',
  })
}

/** `os/arch[/variant]`. */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  return variant ? `${os}/${architecture}/${variant}` : `${os}/${architecture}`
}

/**
 * One spelling per platform: Go's names in lower case, and the variant that goes without saying
 * left out (arm64/v8, amd64/v1) or, for arm, written (v7).
 */
export function normalizePlatform(platform: Platform): Platform {
  const os = platform.os.toLowerCase()
  const [architecture, variant] = normalizeArchitecture(
    platform.architecture.toLowerCase(),
    (platform.variant ?? '').toLowerCase(),
  )
  const { 'os.version': version, 'os.features': features } = platform
  return {
    architecture,
    os: os === 'macos' ? 'darwin' : os,
    ...(variant ? { variant } : {}),
    ...(version ? { 'os.version': version } : {}),
    ...(features?.length ? { 'os.features': features } : {}),
  }
}

function normalizeArchitecture(architecture: string, variant: string): readonly [string, string] {
  const numbered = /^[0-9]/.test(variant) ? `v${variant}` : variant
  switch (architecture) {
    case 'i386':
    case 'i686':
      return ['386', '']
    case 'x86_64':
    case 'x86-64':
    case 'amd64':
      return ['amd64', numbered === 'v1' ? '' : numbered]
    case 'aarch64':
    case 'arm64':
      return ['arm64', /^v8(\.0)?$/.test(numbered) ? '' : numbered.replace(/^v9\.0$/, 'v9')]
    case 'armhf':
      return ['arm', 'v7']
    case 'armel':
      return ['arm', 'v6']
    case 'arm':
      return ['arm', numbered || 'v7']
    default:
      return [architecture, variant]
  }
}

/**
 * How well `have` runs where `want` is asked for: 0 exactly, larger is worse, undefined not at all.
 * A later variant runs earlier ones (arm v7 > v6 > v5), arm64 runs arm, amd64 runs 386.
 */
export function matchPlatform(want: Platform, have: Platform): number | undefined {
  const wanted = normalizePlatform(want)
  const offered = normalizePlatform(have)
  if (wanted.os !== offered.os || !versionMatches(wanted, offered)) return undefined
  const key = architectureKey(offered)
  const rank = runnable(wanted).indexOf(key)
  return rank < 0 ? undefined : rank
}

/**
 * The entry of an index that suits a platform best; of equals the first (image-spec
 * image-index.md). Attestations and entries that name no platform are passed over.
 */
export function chooseManifest(manifests: readonly Descriptor[], want: Platform): Descriptor | undefined {
  let best: Descriptor | undefined
  let bestRank = Infinity
  for (const manifest of manifests) {
    if (!manifest.platform || isAttestation(manifest)) continue
    const rank = matchPlatform(want, manifest.platform)
    if (rank === undefined || rank >= bestRank) continue
    best = manifest
    bestRank = rank
  }
  return best
}

/** True for an index entry that is no image: BuildKit's attestation manifests, marked `unknown/unknown`. */
export function isAttestation({ platform, annotations }: Descriptor): boolean {
  if (annotations?.[Annotation.dockerReferenceType] === 'attestation-manifest') return true
  return platform?.os === 'unknown' && platform.architecture === 'unknown'
}

/** Windows images run on the build they were made for: the first three numbers count. */
function versionMatches(want: Platform, have: Platform): boolean {
  if (want.os !== 'windows' || !want['os.version'] || !have['os.version']) return true
  const build = (version: string): string => version.split('.', 3).join('.')
  return build(want['os.version']) === build(have['os.version'])
}

function architectureKey({ architecture, variant }: Platform): string {
  return variant ? `${architecture}/${variant}` : architecture
}

/** Every architecture and variant that a normalised platform runs, best first. */
function runnable(platform: Platform): readonly string[] {
  const own = architectureKey(platform)
  switch (platform.architecture) {
    case 'amd64':
      return [own, ...below('amd64', Number(platform.variant?.slice(1) ?? 1), 1), '386']
    case 'arm':
      return [own, ...below('arm', Number(platform.variant?.slice(1)), 5)]
    case 'arm64':
      return [own, ...below64(platform.variant ?? 'v8'), 'arm/v8', ...below('arm', 8, 5)]
    default:
      return [own]
  }
}

/** Versions under `version`, down to `last`, in normalised spelling. */
function below(architecture: string, version: number, last: number): string[] {
  const keys: string[] = []
  // No real variant is above 16: a bound for what comes from a document.
  for (let v = Math.min(version, 16) - 1; v >= last; v--)
    keys.push(architecture === 'amd64' && v === 1 ? 'amd64' : `${architecture}/v${v}`)
  return keys
}

/** arm64 under `variant`: v9.n runs v9.0…n and, since it left v8 at v8.5, v8.0…n+5. */
function below64(variant: string): string[] {
  const match = /^v([89])(?:\.([0-9]))?$/.exec(variant)
  if (!match) return []
  const minor = Number(match[2] ?? 0)
  const keys: string[] = []
  if (match[1] === '9') for (let m = minor - 1; m >= 0; m--) keys.push(m === 0 ? 'arm64/v9' : `arm64/v9.${m}`)
  for (let m = match[1] === '9' ? minor + 5 : minor - 1; m >= 0; m--) keys.push(m === 0 ? 'arm64' : `arm64/v8.${m}`)
  return keys
}
