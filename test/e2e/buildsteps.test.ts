import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { cairnNode, lacking, needsRoot, setUp, skipReason, tempDir, type TempDir, type TestNode } from '#testkit'

const skip = skipReason('build steps', needsRoot(), lacking('crun'))

let node: TestNode
let dir: TempDir

setUp(skip, async (use) => {
  dir = use(tempDir())
  node = use(await cairnNode())
})

const words = (text: string): string[] => text.split(' ')

let contexts = 0

function context(dockerfile: string, files: Readonly<Record<string, string>> = {}): string {
  const path = join(dir.path, `context-${contexts++}`)
  mkdirSync(path)
  for (const [name, text] of Object.entries({ ...files, Dockerfile: dockerfile })) {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    writeFileSync(join(path, name), text)
  }
  return path
}

/** What a build wrote; `--network none` is quicker and enough. */
async function output(dockerfile: string, ...flags: readonly string[]): Promise<string> {
  const { code, stderr } = await node.cairn([
    'build',
    '--progress',
    'plain',
    '--network',
    'none',
    ...flags,
    context(dockerfile),
  ])
  expect([code, code === 0 ? '' : stderr]).toEqual([0, ''])
  return stderr
}

/** What is remembered of keys is compressed: no search through files would find anything in it. */
function keyParts(): string {
  using db = new Database(join(node.root, 'cairn.db'), { readonly: true })
  const rows = db.query('SELECT parts FROM build_step').all() as { parts: Uint8Array<ArrayBuffer> }[]
  return rows.map(({ parts }) => Buffer.from(Bun.zstdDecompressSync(parts)).toString()).join('\n')
}

describe.skipIf(skip)('build steps', () => {
  test('hosts, /dev/shm, limits, host name, a control group', async () => {
    const said = await output(
      `FROM busybox
RUN grep -E 'box|six' /etc/hosts; df -k /dev/shm | tail -n 1; ulimit -n; hostname; cat /proc/self/cgroup | grep -c cairn-under`,
      ...words('--add-host box:192.0.2.7 --add-host six:[2001:db8::1] --shm-size 3m --ulimit nofile=77:99'),
      ...words('--build-arg BUILDKIT_SANDBOX_HOSTNAME=builder --cgroup-parent /cairn-under --memory 64m'),
    )
    expect(said).toContain('192.0.2.7\tbox')
    expect(said).toContain('2001:db8::1\tsix')
    expect(said).toMatch(/shm +3072 /)
    expect(said).toMatch(/^#\d+ [\d.]+ 77$/m)
    expect(said).toMatch(/^#\d+ [\d.]+ builder$/m)
    expect(said).toMatch(/^#\d+ [\d.]+ [1-9]\d*$/m)
    // It is the caller's, and may hold other things: nobody else removes it.
    spawnSync('sh', ['-c', 'rmdir /sys/fs/cgroup/cairn-under /sys/fs/cgroup/*/cairn-under 2>/dev/null'])
  })

  test('entitlements: refused by name until they are allowed', async () => {
    const text =
      'FROM busybox\nRUN --security=insecure grep CapEff /proc/self/status; touch /proc/sys/vm/swappiness && echo open'
    const refused = await node.cairn(['build', '--network', 'none', context(text)])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('security.insecure')
    expect(refused.stderr).toContain('Dockerfile:2')
    expect(await output(text, '--allow', 'security.insecure')).toMatch(/ open$/m)
    const host = context('FROM busybox\nRUN --network=host ip link | grep -c lo:')
    expect((await node.cairn(['build', host])).stderr).toContain('--allow network.host')
    await node.must(['build', '-q', '--allow', 'network.host', host])
    await node.must(['build', '-q', '--network', 'host', '--no-cache', host])
    const wrong = await node.cairn(['build', '--allow', 'everything', host])
    expect(wrong.stderr).toContain('no such entitlement')
  })

  test('proxies reach the steps, not the history and not the key', async () => {
    const path = context('FROM busybox\nRUN echo "got $http_proxy $HTTP_PROXY"')
    const build = (proxy: string, ...flags: string[]): ReturnType<TestNode['cairn']> =>
      node.cairn([
        ...words(`build --progress plain --network none --build-arg http_proxy=${proxy} -t proxied`),
        ...flags,
        path,
      ])
    expect((await build('http://user:word@one')).stderr).toContain('got http://user:word@one http://user:word@one')
    expect((await build('http://two')).stderr).toContain('CACHED')
    expect(await node.must(['history', '--no-trunc', 'proxied'])).not.toContain('word')
    expect(await node.must(['inspect', 'proxied'])).not.toContain('word')
  })

  test('a secret is in no byte of the result, store, history, output or process list', async () => {
    const value = `s3cr3t-${crypto.randomUUID()}`
    const path = context(
      `FROM busybox
RUN --mount=type=secret,id=file --mount=type=secret,id=env,env=TOKEN \\
    [ "$TOKEN" = "$(cat /run/secrets/file)" ] && echo "\${#TOKEN}" > /length && touch /begun && sleep 1`,
    )
    writeFileSync(join(dir.path, 'value'), value)
    const flags = ['--secret', `id=file,src=${join(dir.path, 'value')}`, '--secret', 'id=env,env=CAIRN_TEST_TOKEN']
    const told = join(dir.path, 'told')
    mkdirSync(told)
    const more = [
      ...words('--provenance=mode=max --sbom=true --why all'),
      ...words(
        `--metadata-file ${told}/metadata --timeline ${told}/timeline --cache-to type=local,dest=${told}/cache,mode=max`,
      ),
    ]
    const argv = node.argv([...words('build --network none -t secretive --progress rawjson'), ...flags, ...more, path])
    const child = Bun.spawn(argv, { env: { ...process.env, CAIRN_TEST_TOKEN: value }, stdout: 'pipe', stderr: 'pipe' })
    const said = new Response(child.stderr).text()
    const isBegun = (): boolean =>
      spawnSync('find', [join(node.root, 'work'), '-path', '*/upper/begun'], { encoding: 'utf8' }).stdout !== ''
    while (!isBegun()) {
      if (child.exitCode !== null) throw new Error(await said)
      await Bun.sleep(5)
    }
    const lines = readdirSync('/proc')
      .filter((pid) => /^\d+$/.test(pid))
      .map((pid) => spawnSync('cat', [`/proc/${pid}/cmdline`], { encoding: 'latin1' }).stdout)
    expect(lines.join('\n')).toContain('secretive')
    expect(lines.join('\n')).not.toContain(value)
    const searched = (): string =>
      spawnSync('grep', ['-rlaF', value, node.root, node.runDir], { encoding: 'utf8' }).stdout
    expect(searched()).toBe('')
    expect(await child.exited).toBe(0)
    expect(await said).not.toContain(value)
    expect(readdirSync(told).toSorted()).toEqual(['cache', 'metadata', 'timeline'])
    expect(spawnSync('grep', ['-rlaF', value, told], { encoding: 'utf8' }).stdout).toBe('')
    expect(searched()).toBe('')
    expect(keyParts()).toContain('mount')
    expect(keyParts()).not.toContain(value)
    expect(await node.must(['run', '--rm', '--network', 'none', 'secretive', 'cat', '/length'])).toBe(
      `${value.length}\n`,
    )
    const saved = join(dir.path, 'secretive.tar')
    await node.must(['save', '-o', saved, 'secretive'])
    expect(readFileSync(saved).includes(value)).toBe(false)
    expect(node.leftovers()).toEqual([])
  }, 30_000)

  test('--why names what made a step run again', async () => {
    const path = context('FROM busybox\nCOPY src /s\nRUN cat /s/a\nRUN echo $((1+1))', { 'src/a': '1', 'src/b': '2' })
    const why = async (asked: string): Promise<string> => {
      const { stderr } = await node.cairn(['build', '-q', '--network', 'none', '--why', asked, path])
      return stderr
    }
    expect(await why('all')).toContain('[2/4] COPY src /s\n  first build of this step here')
    expect(await why('all')).toBe('no step ran: nothing changed\n')
    writeFileSync(join(path, 'src/b'), '3')
    expect(await why('2')).toBe('[2/4] COPY src /s\n  file src/b changed\n')
    writeFileSync(join(path, 'src/b'), '4')
    expect(await why('cat')).toBe('[3/4] RUN cat /s/a\n  what it reads is not what it was: COPY src /s\n')
    const dockerfile = readFileSync(join(path, 'Dockerfile'), 'utf8')
    writeFileSync(join(path, 'Dockerfile'), dockerfile.replace('1+1', '1+2'))
    expect(await why('all')).toBe(
      '[4/4] RUN echo $((1+2))\n  command was /bin/sh -c echo $((1+1)), is /bin/sh -c echo $((1+2))\n',
    )
    expect(await why('stage-0:3')).toBe('[3/4] RUN cat /s/a\n  nothing changed: it was cached\n')
    expect(await why('9')).toBe('no step 9 was reached\n')
  })

  test('secrets that are not there', async () => {
    const path = context('FROM busybox')
    const refused = async (...flags: string[]): Promise<string> => {
      const { code, stderr } = await node.cairn(['build', ...flags, path])
      expect(code).toBe(1)
      return stderr
    }
    expect(await refused('--secret', 'id=a,src=/nope/x')).toContain('there is no file /nope/x')
    expect(await refused('--secret', 'src=/etc/hosts')).toContain('no id')
    expect(await refused('--secret', 'id=a,value=x')).toContain('unknown key "value"')
    expect(await refused('--ssh', 'default=/nope/x')).toContain('there is no /nope/x')
  })

  test.skipIf(skipReason('an SSH agent in a step', lacking('ssh-add'), lacking('ssh-keygen')))(
    'an SSH agent: the key is used and cannot be read',
    async () => {
      const key = join(dir.path, 'id')
      spawnSync('ssh-keygen', ['-q', '-N', '', '-t', 'ed25519', '-f', key])
      const path = context(
        'FROM busybox\nCOPY root /\nRUN --mount=type=ssh,mode=0666,required ssh-add -L && stat -c %a $SSH_AUTH_SOCK',
      )
      // The program with all that it loads.
      const program = Bun.which('ssh-add')!
      const { stdout } = spawnSync('ldd', [program], { encoding: 'utf8' })
      for (const file of [program, ...stdout.matchAll(/(\/\S+) \(0x/g).map(([, name]) => name!)]) {
        const to = file === program ? '/bin/ssh-add' : file.includes('ld-linux') ? file : `/lib64/${basename(file)}`
        mkdirSync(join(path, 'root', dirname(to)), { recursive: true })
        copyFileSync(file, join(path, 'root', to))
      }
      writeFileSync(
        join(path, 'Dockerfile'),
        readFileSync(join(path, 'Dockerfile'), 'utf8').replace('RUN', 'ENV LD_LIBRARY_PATH=/lib64\nRUN'),
      )
      const build = ['build', '--progress', 'plain', '--network', 'none', '-t', 'agent', path]
      const missing = await node.cairn(build)
      expect(missing.stderr).toContain('--ssh default')
      const { code, stderr } = await node.cairn([...build, '--ssh', `default=${key}`])
      expect([code, stderr]).toEqual([0, expect.stringContaining(readFileSync(`${key}.pub`, 'utf8').split(' ')[1]!)])
      expect(stderr).toMatch(/^#\d+ [\d.]+ 666$/m)
      const secret = readFileSync(key, 'utf8').split('\n')[2]!
      expect(spawnSync('grep', ['-rlaF', secret, node.root, node.runDir], { encoding: 'utf8' }).stdout).toBe('')
    },
  )
})
