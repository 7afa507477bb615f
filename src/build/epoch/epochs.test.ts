import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { buildLab, gitServer, lacking, must, needsRoot, skipReason, type BuildLab, type LabBuild } from '#testkit'

const isMissing = skipReason('epochs', needsRoot(), lacking('crun'), lacking('git'))

describe.skipIf(isMissing)('needs root, crun and git: epochs from where sources are', () => {
  let lab: BuildLab
  beforeAll(async () => {
    lab = await buildLab()
  })
  afterAll(() => lab[Symbol.asyncDispose]())

  /** The time that the config got, and the one that the stage saw. */
  const epochOf = async (build: Partial<LabBuild> & { readonly text: string }): Promise<string> => {
    const [outcome] = await lab.build({ context: lab.context({ f: 'f' }), ...build })
    if (outcome!.error) return outcome!.error.message
    const { created, config } = outcome!.config!
    return `${Date.parse(created!) / 1000} ${config!.Labels!['seen']}`
  }
  const SEEN = 'ARG SOURCE_DATE_EPOCH\nLABEL seen=x$SOURCE_DATE_EPOCH'
  const stage = (url: string): string => `ARG SOURCE_DATE_EPOCH=Source
FROM scratch AS source
ARG URL=${url}
ADD $URL /
FROM busybox
${SEEN}`

  test('a repository: as context, named, and added by a stage', async () => {
    await using server = await gitServer()
    await server.create('r', { Dockerfile: `FROM busybox\n${SEEN}` })
    await server.commit('r', { f: 'f' }, { time: 1_600_000_000 })
    const url = `${server.url}/r.git`
    const expected = '1600000000 x1600000000'
    const buildArgs = { SOURCE_DATE_EPOCH: 'context' }
    const [outcome] = await lab.build({ context: url, buildArgs })
    expect(outcome!.config!.config!.Labels).toEqual({ seen: 'x1600000000' })
    expect(await epochOf({ text: `ARG SOURCE_DATE_EPOCH=src\nFROM busybox\n${SEEN}`, contexts: { src: url } })).toBe(
      expected,
    )
    expect(await epochOf({ text: stage(url) })).toBe(expected)
    expect(await epochOf({ text: stage('https://example.invalid/'), buildArgs: { URL: url } })).toBe(expected)
  })

  test('a URL: Last-Modified, else the newest file of an archive', async () => {
    const from = lab.context({ 'd/old': '1', new: '2' })
    await must(['touch', '-d', '@1500000000', join(from, 'd/old')])
    await must(['touch', '-d', '@1500000007', join(from, 'new')])
    const archive = join(lab.dir, 'archive.tgz')
    await must(['tar', '-czf', archive, '-C', from, '.'])
    const modified = new Date(1_445_412_480_000).toUTCString()
    using server = Bun.serve({
      port: 0,
      fetch: ({ url }) =>
        url.endsWith('/dated')
          ? new Response('x', { headers: { 'Last-Modified': modified } })
          : url.endsWith('/undated')
            ? new Response('x')
            : new Response(Bun.file(archive).stream()),
    })
    const at = (name: string): string => `http://127.0.0.1:${server.port}/${name}`
    expect(await epochOf({ text: stage(at('dated')) })).toBe('1445412480 x1445412480')
    expect(await epochOf({ text: stage(at('archive.tgz')) })).toBe('1500000007 x1500000007')
    expect(await epochOf({ text: stage(at('undated')) })).toBe('0 x')
    const buildArgs = { SOURCE_DATE_EPOCH: 'context' }
    const text = `FROM busybox\n${SEEN}`
    expect(await epochOf({ text, context: at('archive.tgz'), buildArgs })).toBe('1500000007 x1500000007')
    expect(await epochOf({ text, context: '-', stream: archive, buildArgs })).toBe('1500000007 x1500000007')
    expect(await epochOf({ text, context: at('undated'), buildArgs })).toBe('0 x')
  })

  test('a name that nothing has', async () => {
    const text = 'ARG SOURCE_DATE_EPOCH=sorce\nFROM scratch AS source\nADD https://example.invalid/f /\nFROM busybox'
    const [outcome] = await lab.build({ context: lab.context({}), text })
    expect(outcome!.error).toMatchObject({
      message: 'invalid SOURCE_DATE_EPOCH: sorce',
      hint: 'did you mean source?',
      location: { line: 1 },
    })
  })
})
