import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isErrno } from '#sys'
import { containerGroup } from './cgroup/mode.ts'
import { scopeWords } from './cgroup/scope.ts'
import type { Seccomp } from './seccomp/profile.ts'
import { RLIM_INFINITY } from './spec/rlimits.ts'
import type { Bundle, RuntimeSpec } from './types.ts'

const NO_LIMIT = '18446744073709551615'
const SECCOMP_DATA = 'run.oci.seccomp_bpf_data'

/** What a runtime can do beyond the runtime-spec. */
export interface Dialect {
  /** Takes a compiled filter by annotation (crun), which saves it 10 to 20 ms. */
  readonly compiledSeccomp: boolean
  /** Directory for compiled filters. */
  readonly cache: string
}

/** Writes config.json as this runtime likes it best. */
export async function writeBundle(bundle: Bundle, dialect: Dialect): Promise<void> {
  const spec = withGroup(await withSeccomp(bundle.spec, dialect))
  mkdirSync(bundle.dir, { recursive: true, mode: 0o700 })
  writeFileSync(join(bundle.dir, 'config.json'), encodeSpec(spec), { mode: 0o600 })
}

/** JSON with the one number written right that no double can hold. */
export function encodeSpec(spec: unknown): string {
  return JSON.stringify(spec).replaceAll(`:${RLIM_INFINITY}`, `:${NO_LIMIT}`)
}

function withGroup(spec: RuntimeSpec): RuntimeSpec {
  const { cgroupsPath } = spec.linux
  if (cgroupsPath === undefined) return spec
  return { ...spec, linux: { ...spec.linux, cgroupsPath: scopeWords(cgroupsPath) ?? containerGroup(cgroupsPath) } }
}

async function withSeccomp(spec: RuntimeSpec, dialect: Dialect): Promise<RuntimeSpec> {
  const seccomp = spec.linux.seccomp as Seccomp | undefined
  if (!seccomp) return spec
  const { seccomp: _, ...linux } = spec.linux
  const compiled = dialect.compiledSeccomp ? await compiledFilter(seccomp, dialect.cache) : undefined
  if (compiled) return { ...spec, linux, annotations: { ...spec.annotations, [SECCOMP_DATA]: compiled } }
  // libseccomp needs 6 ms more for each further architecture; programs for those are refused.
  return { ...spec, linux: { ...linux, seccomp: { ...seccomp, architectures: seccomp.architectures?.slice(0, 1) } } }
}

/**
 * The filter in base64. Compiling costs 5 ms in a fresh process, reading the answer of an earlier
 * one 0.1: it is kept under the digest of what was compiled.
 */
async function compiledFilter(seccomp: Seccomp, cache: string): Promise<string | undefined> {
  const key = new Bun.CryptoHasher('sha256').update(FILTER_FORMAT).update(JSON.stringify(seccomp)).digest('hex')
  const path = join(cache, `${key}.bpf`)
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error
  }
  const { compileSeccomp } = await import('./seccomp/compile.ts')
  const filter = compileSeccomp(seccomp)
  if (!filter) return undefined
  const base64 = Buffer.from(filter).toString('base64')
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = `${path}.${crypto.randomUUID()}`
  writeFileSync(temporary, base64, { mode: 0o600 })
  renameSync(temporary, path)
  return base64
}

/** Counts up whenever the compiler's output for the same profile changes. */
const FILTER_FORMAT = 'cairn-seccomp-1'
