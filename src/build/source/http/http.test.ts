import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildLab, lacking, needsRoot, run, skipReason, type BuildLab, type LabOutcome } from '#testkit'
import { nameInUrl } from './httpname.ts'

const isMissing = skipReason('sources over HTTP', needsRoot(), lacking('crun'))

const MODIFIED = 'Wed, 21 Oct 2015 07:28:00 GMT'

interface Served extends AsyncDisposable {
  readonly url: string
  /** What was asked for, and how it was answered: `/f 200`. */
  readonly log: string[]
}

/** A server whose answers are told by the path. */
function serve(body: (path: string) => string | Uint8Array<ArrayBuffer>): Served {
  const log: string[] = []
  const answer = (request: Request): Response => {
    const { pathname, origin } = new URL(request.url)
    if (pathname.startsWith('/to/')) return Response.redirect(`${origin}/${pathname.slice(4)}`, 302)
    if (pathname === '/loop') return Response.redirect(`${origin}/loop`, 302)
    if (pathname === '/file') return new Response('', { status: 302, headers: { location: 'file:///etc/passwd' } })
    if (pathname === '/missing') return new Response('no', { status: 404 })
    if (pathname === '/secret' && request.headers.get('authorization') !== 'Bearer t0ken')
      return new Response('no', { status: 401 })
    const bytes = body(pathname)
    const etag = `"${createHash('sha256').update(bytes).digest('hex').slice(0, 8)}"`
    const headers = { etag, ...(pathname === '/undated' ? {} : { 'last-modified': MODIFIED }) }
    const isSame = request.headers.get('if-none-match') === etag
    return isSame ? new Response(null, { status: 304, headers }) : new Response(bytes, { headers })
  }
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch(request) {
      const response = answer(request)
      log.push(`${new URL(request.url).pathname} ${response.status}`)
      return response
    },
  })
  return { url: `http://127.0.0.1:${server.port}`, log, [Symbol.asyncDispose]: () => server.stop(true) }
}

async function add(lab: BuildLab, words: string, more: object = {}): Promise<LabOutcome> {
  const [outcome] = await lab.build({
    context: lab.context({ l: 'local' }),
    text: `FROM busybox\nADD ${words}`,
    ...more,
  })
  return outcome!
}

const top = (outcome: LabOutcome): readonly string[] => outcome.layers.at(-1) ?? [String(outcome.error?.message)]

function sha256(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`
}

describe.skipIf(isMissing)('needs root and crun: ADD of a URL', () => {
  test('name, mode, time, owner; unchanged it is not fetched again', async () => {
    await using lab = await buildLab()
    let text = 'one'
    await using server = serve(() => text)
    const { url, log } = server
    expect(top(await add(lab, `${url}/d/a%20b.txt?q=1 /x/`))).toEqual([
      'x directory 755 0:0 0',
      'x/a b.txt file 600 0:0 1445412480 "one"',
    ])
    expect(top(await add(lab, `${url}/f /y`))).toEqual(['y file 600 0:0 1445412480 "one"'])
    expect(top(await add(lab, `--chown=5 --chmod=755 ${url}/undated l /z/`))).toEqual([
      'z directory 755 5:5 0',
      'z/l file 755 5:5 0 "local"',
      'z/undated file 755 5:5 0 "one"',
    ])
    expect(top(await add(lab, `${url}/f /y`, { buildArgs: { SOURCE_DATE_EPOCH: '7' } }))).toEqual([
      'y file 600 0:0 7 "one"',
    ])
    log.length = 0
    expect((await add(lab, `${url}/f /y`)).ran).toEqual([])
    expect(log).toEqual(['/f 304'])
    text = 'two'
    expect(top(await add(lab, `${url}/f /y`))).toEqual(['y file 600 0:0 1445412480 "two"'])
    text = 'one'
    expect((await add(lab, `${url}/f /y`)).ran).toEqual([])
    expect(lab.leftovers()).toEqual([])
  })

  test('a checksum: the server is not asked again; what is wrong is refused', async () => {
    await using lab = await buildLab()
    await using server = serve(() => 'one')
    const { url, log } = server
    const words = `--checksum=${sha256('one')} ${url}/f /y`
    expect(top(await add(lab, words))).toEqual(['y file 600 0:0 1445412480 "one"'])
    expect((await add(lab, words)).ran).toEqual([])
    expect(log).toEqual(['/f 200'])
    const { error } = await add(lab, `--checksum=${sha256('two')} ${url}/f /y`)
    expect(error).toMatchObject({ code: 'data_loss', location: { line: 2 } })
    expect(error!.message).toContain(`not ${sha256('two')}`)
  })

  test('redirects, logins, failures', async () => {
    await using lab = await buildLab()
    await using server = serve(() => 'one')
    const { url } = server
    expect(top(await add(lab, `${url}/to/to/f /y`))).toEqual(['y file 600 0:0 1445412480 "one"'])
    const file = join(lab.dir, 'token')
    writeFileSync(file, 't0ken')
    const secrets = { 'HTTP_AUTH_TOKEN_127.0.0.1': { file } }
    expect(top(await add(lab, `${url}/secret /y`, { secrets }))).toEqual(['y file 600 0:0 1445412480 "one"'])
    expect((await run(['grep', '-rla', 't0ken', lab.dir])).stdout.trim()).toBe(file)
    for (const [path, message] of [
      ['/secret', 'answers 401'],
      ['/missing', 'answers 404'],
      ['/loop', 'redirects more than 10 times'],
      ['/file', 'redirects to what is no URL'],
    ] as const) {
      const { error } = await add(lab, `${url}${path} /y`)
      expect(error?.message).toContain(message)
      expect(error?.location?.line).toBe(2)
    }
    await server[Symbol.asyncDispose]()
    expect((await add(lab, `${url}/f /y`)).error?.message).toContain(`cannot reach ${url}/f`)
  })

  test('--unpack', async () => {
    await using lab = await buildLab()
    const archive = join(lab.dir, 'a.tgz')
    const from = lab.context({ in: 'x' })
    expect((await run(['tar', '-czf', archive, '--mtime=@9', '--owner=3', '--group=4', '-C', from, 'in'])).code).toBe(0)
    const bytes = new Uint8Array(await Bun.file(archive).arrayBuffer())
    await using server = serve(() => bytes)
    expect(top(await add(lab, `${server.url}/a.tgz /`)).map((line) => line.split(' ').slice(0, 3).join(' '))).toEqual([
      'a.tgz file 600',
    ])
    expect(top(await add(lab, `--unpack ${server.url}/a.tgz /`))).toEqual(['in file 644 3:4 9 "x"'])
  })

  test('a context is an archive, or a lone Dockerfile', async () => {
    await using lab = await buildLab()
    const from = lab.context({ 'my/Dockerfile': 'FROM busybox\nCOPY d /c', 'd/f': 'x' })
    const archive = join(lab.dir, 'a.tar')
    expect((await run(['tar', '-cf', archive, '-C', from, '.'])).code).toBe(0)
    const bytes = new Uint8Array(await Bun.file(archive).arrayBuffer())
    await using server = serve((path) => (path === '/a.tar' ? bytes : 'FROM busybox\nRUN echo lone > /l'))
    const { url } = server
    const [packed, lone, byUrl, both, missing] = await lab.build(
      { context: `${url}/a.tar`, dockerfile: 'my/Dockerfile' },
      { context: `${url}/any` },
      { context: from, dockerfile: `${url}/any` },
      { context: `${url}/a.tar`, text: 'FROM scratch\nCOPY . /' },
      { context: `${url}/missing` },
    )
    expect(top(packed!)).toEqual(['c directory 755 0:0 0', 'c/f file 644 0:0 0 "x"'])
    expect(top(lone!)).toEqual(['l file 644 0:0 0 "lone\\n"'])
    expect(top(byUrl!)).toEqual(top(lone!))
    expect(top(both!).map((line) => line.split(' ')[0])).toEqual(['d', 'd/f', 'my', 'my/Dockerfile'])
    expect(missing!.error?.message).toContain('answers 404')
    expect((await lab.build({ context: `${url}/a.tar`, dockerfile: 'my/Dockerfile' }))[0]!.ran).toEqual([])
    expect(lab.leftovers()).toEqual([])
  })
})

test('names in URLs', () => {
  expect(
    ['http://h/a/b', 'http://h/b/?q=c', 'http://h', 'http://h/..%2fb', 'http://h/%', 'http://h/a%00'].map(nameInUrl),
  ).toEqual(['b', 'b', '__unnamed__', '__unnamed__', '%', '__unnamed__'])
})
