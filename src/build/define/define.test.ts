import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { expanded, image, parseDockerfile, readInstruction, type ImageDefinition } from '#build'
import { buildLab, needsRoot, skipReason, type BuildLab, type LabOutcome } from '#testkit'

const body = (definition: ImageDefinition): string => definition.dockerfile().split('\n').slice(1).join('\n').trim()

describe('as a Dockerfile', () => {
  test('a stage for each definition that is read, once, before its readers', () => {
    const base = image('busybox').run('true')
    const one = image(base).run('echo 1 > /1')
    const app = image('scratch', { platform: 'linux/amd64' })
      .copy('/1', '/', { from: one })
      .copy('/bin', '/b', { from: base })
      .copy('/etc', '/e', { from: 'other:1' })
    expect(app.dockerfile()).toBe(
      [
        'FROM busybox AS stage-0\nRUN true\n',
        'FROM stage-0 AS stage-1\nRUN echo 1 > /1\n',
        'FROM --platform=linux/amd64 scratch AS stage-2',
        'COPY --from=stage-1 /1 /',
        'COPY --from=stage-0 /bin /b',
        'COPY --from=other:1 /etc /e\n',
      ].join('\n'),
    )
  })

  test('a definition stays as it is', () => {
    const base = image('scratch')
    base.env({ A: '1' })
    expect(base.dockerfile()).toBe('FROM scratch AS stage-0\n')
  })

  test('every instruction', () => {
    const all = image('scratch')
      .arg('N', '1')
      .arg('BARE')
      .env({ A: 'plain', B: 'two words', PATH: expanded('/app:$PATH') })
      .label({ 'a.b': 'it "is" $5' })
      .workdir('/a b')
      .user('me:us')
      .expose(80, '53/udp')
      .volume('/data')
      .stopSignal('SIGINT')
      .shell(['/bin/sh', '-ec'])
      .run(['a', 'b c'], { network: 'none', mounts: [{ type: 'cache', target: '/c', sharing: 'locked' }] })
      .run('one\ntwo')
      .add('https://example.org/x', '/x', { checksum: 'sha256:00', unpack: false })
      .copy(['with blank', 'b'], '/d/', { chown: '1:2', chmod: '0644', link: true, exclude: ['*.md'] })
      .healthcheck('true', { interval: '5s', retries: 2 })
      .entrypoint(['/e'])
      .cmd('run me')
    expect(body(all)).toBe(
      [
        'ARG N=1',
        'ARG BARE',
        'ENV A=plain B="two words" PATH="/app:$PATH"',
        String.raw`LABEL a.b="it \"is\" \$5"`,
        'WORKDIR /a b',
        'USER me:us',
        'EXPOSE 80 53/udp',
        'VOLUME ["/data"]',
        'STOPSIGNAL SIGINT',
        'SHELL ["/bin/sh","-ec"]',
        'RUN --mount=type=cache,target=/c,sharing=locked --network=none ["a","b c"]',
        'RUN <<EOF\none\ntwo\nEOF',
        'ADD --checksum=sha256:00 --unpack=false https://example.org/x /x',
        'COPY --chown=1:2 --chmod=0644 --link --exclude=*.md ["with blank","b","/d/"]',
        'HEALTHCHECK --interval=5s --retries=2 CMD true',
        'ENTRYPOINT ["/e"]',
        'CMD run me',
      ].join('\n'),
    )
  })

  test('what a Dockerfile could not say is refused', () => {
    for (const broken of [
      () => image('two words'),
      () => image('a').run('[ -e /x ] && true').dockerfile(),
      () => image('a').run('trailing \\').dockerfile(),
      () => image('a').env({ A: 'two\nlines' }).dockerfile(),
      () => image('a').workdir(' /x').dockerfile(),
    ])
      expect(broken).toThrow()
  })

  test('any text comes through as it is', () => {
    const text = fc.string().filter((value) => !/[\r\n]/.test(value))
    fc.assert(
      fc.property(text, (value) => {
        const { statements, escape } = parseDockerfile(`${image('a').env({ K: value }).dockerfile()}`, 'Dockerfile')
        const instruction = readInstruction(statements[1]!, escape)
        expect(instruction.name).toBe('ENV')
        expect(statements).toHaveLength(2)
      }),
    )
  })
})

describe.skipIf(skipReason('definitions, built', needsRoot()))('built', () => {
  let lab: BuildLab
  beforeAll(async () => {
    lab = await buildLab()
  }, 60_000)
  afterAll(() => lab[Symbol.asyncDispose]())

  test('to the digest of the Dockerfile by hand', async () => {
    const tools = image('busybox').run('echo tool > /tool').env({ ODD: 'a "b" $c \\d' })
    const app = image(tools)
      .workdir('/app')
      .copy('file', './', { chmod: '0600' })
      .run('cat /tool > out\necho "$ODD" >> out')
      .copy('/tool', '/copied', { from: tools })
      .cmd(['cat', 'out'])
    const byHand = [
      'FROM busybox AS tools',
      'RUN echo tool > /tool',
      `ENV ODD='a "b" $c \\d'`,
      'FROM tools',
      'WORKDIR /app',
      'COPY --chmod=0600 file ./',
      'RUN <<EOF\ncat /tool > out\necho "$ODD" >> out\nEOF',
      'COPY --from=tools /tool /copied',
      'CMD ["cat","out"]',
    ].join('\n')
    const context = lab.context({ file: 'x' })
    const [one, other] = (await lab.build({ context, text: app.dockerfile() }, { context, text: byHand })) as [
      LabOutcome,
      LabOutcome,
    ]
    expect(one.error).toBeUndefined()
    expect(one.config?.config?.Env).toContain('ODD=a "b" $c \\d')
    expect(other.result?.root.digest).toBe(one.result!.root.digest)
    expect(other.ran).toEqual([])
  })
})
