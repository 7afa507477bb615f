import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { goTools, lacking, run, skipReason, tempDir } from '#testkit'
import { startRegistry } from './server.ts'

/** The suite of the specification's authors, at a commit that has the draft's tests too. */
const SUITE = 'github.com/opencontainers/distribution-spec/conformance'
const VERSION = 'v0.0.0-20260831232431-97274622c111'

const NAME = 'the OCI conformance suite passes, every workflow on'
const skip = skipReason(NAME, lacking('go'))

test.skipIf(skip)(
  NAME,
  async () => {
    const [suite] = (await goTools(SUITE, VERSION, [''])) ?? []
    if (suite === undefined) return
    using dir = tempDir()
    await using registry = await startRegistry({ references: 'none' })
    const { code, stdout } = await run([suite], {
      cwd: dir.path,
      env: {
        OCI_REGISTRY: registry.host,
        OCI_TLS: 'disabled',
        OCI_VERSION: 'dev',
        OCI_DATA_SPARSE: 'true',
        OCI_RESULTS_DIR: join(dir.path, 'results'),
      },
    })
    const counted = (word: string): number =>
      Number(new RegExp(`^  ${word}\\.+: +(\\d+)$`, 'm').exec(stdout)?.[1] ?? -1)
    expect({ failed: counted('FAIL'), errors: counted('Error'), disabled: counted('Disabled') }).toEqual({
      failed: 0,
      errors: 0,
      disabled: 0,
    })
    expect(counted('Pass')).toBeGreaterThan(1000)
    expect(stdout).toContain('OCI Conformance Result: Pass')
    expect(code).toBe(0)
  },
  300_000,
)
