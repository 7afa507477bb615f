import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { must } from './tools.ts'

/** Repositories over HTTP, as hosting services have them, or as plain files (`dumb`), with logins that are asked for. */
export interface GitServer extends AsyncDisposable {
  /** Below this are the repositories: `url/name.git`. */
  readonly url: string
  /** What was asked for so far: `POST /r.git/git-upload-pack`. */
  readonly requests: readonly string[]
  /** Makes a repository with one commit of these files; answers with its ID. */
  create(name: string, files: Readonly<Record<string, string>>): Promise<string>
  /** Adds a commit, at a time in seconds since the epoch; `tag` is an annotated one. */
  commit(name: string, files: Readonly<Record<string, string>>, more?: CommitOptions): Promise<string>
  /** git in the repository's work tree. */
  git(name: string, ...args: readonly string[]): Promise<string>
}

export interface CommitOptions {
  readonly time?: number
  readonly branch?: string
  readonly tag?: string
}

export interface GitServerOptions {
  /** Serve files, without any protocol of git's. */
  readonly dumb?: boolean
  /** The Authorization header without which nothing is served. */
  readonly authorization?: string
}

export async function gitServer({ dumb = false, authorization }: GitServerOptions = {}): Promise<GitServer> {
  const root = mkdtempSync(join(tmpdir(), 'cairn-git-server-'))
  const requests: string[] = []
  const environment = (time: number): Record<string, string> => ({
    HOME: root,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_DATE: `${time} +0000`,
    GIT_COMMITTER_DATE: `${time} +0000`,
  })
  const settings = ['user.name=a', 'user.email=a@b', 'init.defaultBranch=main', 'protocol.file.allow=always']
  const identity = settings.flatMap((setting) => ['-c', setting])
  const git = async (cwd: string, args: readonly string[], time = 1_000_000_000): Promise<string> =>
    (await must(['git', ...identity, ...args], { cwd, env: environment(time) })).trim()
  const tree = (name: string): string => join(root, 'trees', name)
  const commit: GitServer['commit'] = async (name, files, { time = 1_000_000_000, branch, tag } = {}) => {
    if (branch !== undefined) await git(tree(name), ['checkout', '-q', '-B', branch])
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(tree(name), path)), { recursive: true })
      writeFileSync(join(tree(name), path), text)
    }
    await git(tree(name), ['add', '-A'])
    await git(tree(name), ['commit', '-q', '--allow-empty', '-m', 'x'], time)
    if (tag !== undefined) await git(tree(name), ['tag', '-m', tag, tag], time)
    await git(tree(name), ['push', '-q', '--all', '--force', 'origin'])
    await git(tree(name), ['push', '-q', '--tags', '--force', 'origin'])
    await git(join(root, 'served', `${name}.git`), ['update-server-info'])
    return await git(tree(name), ['rev-parse', 'HEAD'])
  }
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const { pathname, search } = new URL(request.url)
      requests.push(`${request.method} ${pathname}`)
      if (authorization !== undefined && request.headers.get('authorization') !== authorization)
        return new Response('no', { status: 401, headers: { 'www-authenticate': 'Basic' } })
      if (!dumb) return await backend(join(root, 'served'), request, pathname, search.slice(1))
      const file = Bun.file(join(root, 'served', pathname))
      return (await file.exists()) ? new Response(file) : new Response('no', { status: 404 })
    },
  })
  return {
    url: `http://127.0.0.1:${server.port}`,
    requests,
    commit,
    async create(name, files) {
      mkdirSync(tree(name), { recursive: true })
      const bare = join(root, 'served', `${name}.git`)
      mkdirSync(bare, { recursive: true })
      await git(bare, ['init', '-q', '--bare'])
      await git(tree(name), ['init', '-q'])
      await git(tree(name), ['remote', 'add', 'origin', bare])
      return await commit(name, files)
    },
    git: (name, ...args) => git(tree(name), args),
    [Symbol.asyncDispose]: async () => {
      await server.stop(true)
      rmSync(root, { recursive: true, force: true })
    },
  }
}

/** git's own CGI program. */
async function backend(root: string, request: Request, path: string, query: string): Promise<Response> {
  const child = Bun.spawn(['git', 'http-backend'], {
    stdin: new Uint8Array(await request.arrayBuffer()),
    stdout: 'pipe',
    stderr: 'ignore',
    env: {
      PATH: process.env['PATH']!,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      REQUEST_METHOD: request.method,
      PATH_INFO: path,
      QUERY_STRING: query,
      CONTENT_TYPE: request.headers.get('content-type') ?? '',
      HTTP_CONTENT_ENCODING: request.headers.get('content-encoding') ?? '',
      GIT_PROTOCOL: request.headers.get('git-protocol') ?? '',
    },
  })
  const answer = Buffer.from(await new Response(child.stdout).arrayBuffer())
  const end = answer.indexOf('\r\n\r\n')
  const headers = new Headers(
    answer
      .toString('latin1', 0, end)
      .split('\r\n')
      .map((line) => line.split(': ', 2) as [string, string]),
  )
  const status = Number(headers.get('status')?.slice(0, 3) ?? 200)
  headers.delete('status')
  return new Response(answer.subarray(end + 4), { status, headers })
}
