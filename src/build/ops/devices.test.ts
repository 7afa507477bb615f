import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildLab, lacking, needsRoot, skipReason, type BuildLab, type LabBuild, type LabOutcome } from '#testkit'

const isMissing = skipReason('devices of steps', needsRoot(), lacking('crun'))

describe.skipIf(isMissing)('needs root and crun: RUN --device', () => {
  let lab: BuildLab
  const before = process.env['CAIRN_CDI_SPEC_DIRS']
  beforeAll(async () => {
    lab = await buildLab()
    const cdi = join(lab.dir, 'cdi')
    mkdirSync(cdi)
    process.env['CAIRN_CDI_SPEC_DIRS'] = cdi
    writeFileSync(join(lab.dir, 'firmware'), 'firmware\n')
    const edits = {
      env: ['CDI_DEVICE=one'],
      deviceNodes: [{ path: '/dev/cdi-full', hostPath: '/dev/full' }],
      mounts: [{ hostPath: join(lab.dir, 'firmware'), containerPath: '/opt/vendor/firmware', options: ['ro'] }],
      hooks: [{ hookName: 'createRuntime', path: '/bin/sh', args: ['sh', '-c', `echo hooked > ${lab.dir}/hooked`] }],
    }
    const write = (name: string, more: object): void =>
      writeFileSync(join(cdi, `${name}.json`), JSON.stringify({ cdiVersion: '0.6.0', ...more }))
    write('closed', { kind: 'vendor.com/closed', devices: [{ name: 'one', containerEdits: edits }] })
    const annotations = { 'org.mobyproject.buildkit.device.autoallow': 'true' }
    write('open', {
      kind: 'vendor.com/open',
      annotations,
      devices: [{ name: 'x', containerEdits: { env: ['OPEN=1'] } }],
    })
  })
  afterAll(async () => {
    if (before === undefined) delete process.env['CAIRN_CDI_SPEC_DIRS']
    else process.env['CAIRN_CDI_SPEC_DIRS'] = before
    await lab[Symbol.asyncDispose]()
  })

  const build = async (step: string, more: Partial<LabBuild> = {}): Promise<LabOutcome> =>
    (await lab.build({ context: lab.context({}), text: `FROM busybox\nRUN ${step}`, noCache: true, ...more }))[0]!

  test('nodes, mounts, variables and hooks, of which the layer keeps nothing', async () => {
    const outcome = await build(
      '--device=vendor.com/closed=one,required ls -l /dev/cdi-full | cut -c1; cat /opt/vendor/firmware; echo $CDI_DEVICE; head -c1 /dev/cdi-full | wc -c',
      { allow: ['device'] },
    )
    expect(outcome.error).toBeUndefined()
    expect(outcome.output).toBe('c\nfirmware\none\n1\n')
    expect(outcome.layers.at(-1)!.filter((entry) => /opt|cdi/.test(entry))).toEqual([])
    expect(readFileSync(join(lab.dir, 'hooked'), 'utf8')).toBe('hooked\n')
  })

  test('has to be allowed, unless it says itself that it need not', async () => {
    const refused = await build('--device=vendor.com/closed=one true')
    expect(refused.error).toMatchObject({
      code: 'permission_denied',
      hint: 'build with --allow device=vendor.com/closed=one',
      location: { line: 2 },
    })
    expect(
      (await build('--device=vendor.com/closed true', { allow: ['device=vendor.com/closed'] })).error,
    ).toBeUndefined()
    expect((await build('--device=vendor.com/open=* echo $OPEN')).output).toBe('1\n')
  })

  test('that is not there: needed or not', async () => {
    const missing = await build('--device=vendor.com/none=one,required true', { allow: ['device'] })
    expect(missing.error).toMatchObject({ code: 'not_found', message: 'there is no device vendor.com/none=one' })
    expect((await build('--device=vendor.com/none=one echo ran')).output).toBe('ran\n')
  })

  test('its name is part of the key', async () => {
    const context = lab.context({})
    const texts = ['', '--device=vendor.com/open=x ', '--device=vendor.com/open=x '].map(
      (flag) => `FROM busybox\nRUN ${flag}echo "$OPEN"`,
    )
    const outcomes = await lab.build(...texts.map((text) => ({ context, text })))
    expect(outcomes.map(({ output }) => output)).toEqual(['\n', '1\n', ''])
  })
})
