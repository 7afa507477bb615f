import { describe, expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cairnNode, lacking, must, needsRoot, run, setUp, skipReason, tempDir, type TestNode } from '#testkit'

const skip = skipReason('the command line', needsRoot(), lacking('crun'))

let node: TestNode

setUp(skip, async (use) => {
  node = use(await cairnNode())
})

const cairn = (...args: string[]): ReturnType<typeof run> => node.cairn(args)

describe.skipIf(skip)('the command line', () => {
  test('helps: at the top, for groups and for every command', async () => {
    const { stdout } = await cairn('--help')
    expect(stdout).toContain('Usage:  cairn [OPTIONS] COMMAND')
    const commands = [...stdout.matchAll(/^ {2}([a-z]+) {2,}/gm)].map((match) => match[1]!)
    expect(commands.length).toBeGreaterThan(30)
    for (const command of commands) {
      const help = await cairn(command, '--help')
      expect({ command, code: help.code }).toEqual({ command, code: 0 })
      expect(help.stdout).toStartWith(`Usage:  cairn ${command}`)
    }
  }, 30_000)

  test('knows what was meant', async () => {
    expect((await cairn('imges')).stderr).toContain("did you mean 'images'?")
    expect((await cairn('image', 'prnue')).stderr).toContain("did you mean 'prune'?")
    expect((await cairn('ps', '--no-trnc')).stderr).toContain("did you mean '--no-trunc'?")
    for (const [words, said] of [
      [['network', 'create', 'back'], "there is no 'cairn network create'\nhint: there are bridge"],
      [['secret', 'ls'], "there is no 'cairn secret'\nhint: there is no swarm"],
    ] as const) {
      const { code, stderr } = await cairn(...words)
      expect(code).toBe(1)
      expect(stderr).toStartWith(`cairn: ${said}`)
    }
    expect((await cairn('run', '--gpus', 'all', 'busybox')).stderr).toContain('--gpus is not supported')
    expect((await cairn('run', '--restart', 'always', 'busybox')).stderr).toContain('hint: a systemd unit does it')
    expect((await cairn('tag', 'one')).stderr).toContain('requires 2 arguments')
  })

  test('says what is here: in words, as docker’s document, and as a template asks', async () => {
    const text = (await cairn('info')).stdout
    expect(text).toMatch(
      /^Client:\n Version: +\S+\n Debug Mode: false\n\nServer:\n Containers: \d+\n {2}Running: \d+\n/,
    )
    const document = JSON.parse((await cairn('system', 'info', '--json')).stdout) as Record<string, unknown>
    expect(document).toMatchObject({ Images: 1, OSType: 'linux', DockerRootDir: node.root, CgroupDriver: 'cgroupfs' })
    expect(Object.values(document)).not.toContain(undefined)
    expect((await cairn('info', '-f', '{{.Images}} {{json .SecurityOptions}}')).stdout).toStartWith('1 ["name=')
    for (const [name, value] of [...text.matchAll(/^ (CPUs|Name|Images): (.*)$/gm)].map((match) => match.slice(1)))
      expect(String(document[name === 'CPUs' ? 'NCPU' : name!])).toBe(value!)
  })

  test('takes flags as docker does', async () => {
    expect((await cairn('version', '-f', '{{.Server.Os}}/{{.Client.Arch}}')).stdout).toMatch(/^linux\/[a-z]+\d+\n$/)
    const none = await cairn('volume', 'inspect', 'nobody')
    expect(none).toMatchObject({ code: 1, stdout: '[]\n', stderr: 'cairn: no such volume: nobody\n' })
    expect((await cairn('ps', '--all=false', '-q')).code).toBe(0)
    expect((await cairn('ps', '-aq')).code).toBe(0)
    expect((await cairn('ps', '-n1')).code).toBe(0)
    // What Docker's client cannot read ends with 125, what its daemon refuses with 1.
    for (const flags of [['--all=maybe'], ['-n', 'many'], ['--filter', 'name']])
      expect([flags, (await cairn('ps', ...flags)).code]).toEqual([flags, 125])
    expect((await cairn('ps', '--filter', 'nosuch=1')).code).toBe(1)
    expect((await cairn('run', '--rm', '--network=none', 'busybox', 'echo', '--rm', '-x')).stdout).toBe('--rm -x\n')
    expect((await cairn('container', 'ls')).stdout).toContain('CONTAINER ID')
    expect((await cairn('image', 'ls', '--json')).stdout).toContain('"Repository":"busybox"')
  })

  test('writes everything to a slow reader, and stops quietly when the reader leaves', async () => {
    const format = '{{printf "%-300000s" "x"}}'
    const argv = node.argv(['inspect', '--format', format, 'busybox'])
    const slow = await must(['sh', '-c', '"$@" | { sleep 0.3; wc -c; }', 'sh', ...argv])
    expect(Number(slow)).toBe(300_001)
    const left = await run(['sh', '-c', '"$@" 2>&1 | head -c 10; exit 0', 'sh', ...argv])
    expect(left.stdout).toBe('x'.padEnd(10))
    expect(left.stderr).toBe('')
  })

  test('colours only a terminal', async () => {
    expect((await cairn('nonsense')).stderr).not.toContain('\x1b')
  })

  test('completes commands, flags, containers and images', async () => {
    const complete = async (...words: string[]): Promise<string[]> =>
      (await cairn('_complete', '--', ...words)).stdout
        .split('\n')
        .map((line) => line.split('\t')[0]!)
        .filter(Boolean)
    expect(await complete('im')).toEqual(['images', 'import', 'image'])
    expect(await complete('image', 'l')).toEqual(['ls', 'list', 'load'])
    expect(await complete('ps', '--no')).toEqual(['--no-trunc'])
    expect(await complete('rmi', 'busy')).toEqual(['busybox:latest'])
    expect(await complete('run', '--network', 'h')).toEqual(['host'])
    expect(await complete('load', '-i', '')).toEqual([':file'])
    await node.must(['create', '--name', 'complete-me', 'busybox'])
    expect(await complete('rm', 'compl')).toEqual(['complete-me'])
    await node.must(['rm', 'complete-me'])
    for (const shell of ['bash', 'zsh', 'fish'])
      expect((await cairn('completion', shell)).stdout).toContain('cairn _complete')
  })

  test.skipIf(!Bun.which('bash'))('completes in a real bash', async () => {
    const script = `
      PATH="$(dirname "$1"):$PATH"; source <(cairn completion bash)
      COMP_LINE=$2 COMP_POINT=\${#COMP_LINE}; _cairn; echo "\${COMPREPLY[@]}"`
    const [binary, ...globals] = node.argv([])
    const complete = (line: string): Promise<string> => must(['bash', '-c', script, 'bash', binary!, line])
    expect(await complete('cairn imag')).toBe('images image\n')
    expect(await complete(`cairn ${globals.join(' ')} rmi `)).toContain('busybox:latest')
    // Readline replaces what is behind the last colon or equals sign.
    expect(await complete(`cairn ${globals.join(' ')} rmi busybox:la`)).toBe('latest\n')
    expect(await complete('cairn run --network=h')).toBe('host\n')
    expect(await complete('cairn load --input=/et')).toBe('/etc\n')
  })

  test('runs nothing and reads nothing of the directory it stands in', async () => {
    using dir = tempDir()
    const mark = join(dir.path, 'executed')
    writeFileSync(join(dir.path, 'preload.ts'), `require('fs').writeFileSync(${JSON.stringify(mark)}, 'x')`)
    writeFileSync(join(dir.path, 'bunfig.toml'), 'preload = ["./preload.ts"]\n')
    writeFileSync(join(dir.path, '.env'), `CAIRN_ROOT=${join(dir.path, 'stolen')}\nFROM_DOTENV=yes\n`)
    writeFileSync(join(dir.path, 'tsconfig.json'), '{ broken')
    writeFileSync(join(dir.path, 'package.json'), '{ broken')
    mkdirSync(join(dir.path, 'node_modules'))
    const said = await node.must(['run', '--rm', '--network', 'none', '-e', 'FROM_DOTENV', 'busybox', 'env'], {
      cwd: dir.path,
    })
    expect(said).not.toContain('FROM_DOTENV')
    expect(await Bun.file(mark).exists()).toBe(false)
    await node.must(['images'], { cwd: dir.path })
    expect(await Bun.file(join(dir.path, 'stolen/cairn.db')).exists()).toBe(false)
  })

  test('a container’s environment never becomes ours', async () => {
    using dir = tempDir()
    const mark = join(dir.path, 'executed')
    const script = join(dir.path, 'evil.js')
    writeFileSync(script, `require('fs').writeFileSync(${JSON.stringify(mark)}, 'x')`)
    const id = await node.must([
      'run',
      '-d',
      '--network',
      'none',
      '-e',
      'BUN_BE_BUN=1',
      '-e',
      `BUN_OPTIONS=--preload=${script}`,
      '-e',
      `LD_PRELOAD=${script}`,
      'busybox',
      'true',
    ])
    expect((await node.must(['wait', id.trim()])).trim()).toBe('0')
    expect(await Bun.file(mark).exists()).toBe(false)
    await node.must(['rm', id.trim()])
  })

  test('says what the machine lacks', async () => {
    const { stdout, code } = await cairn('doctor', '--json')
    const rows = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { name: string; state: string; cure?: string })
    expect(rows.map((row) => row.name)).toContain('runtime')
    expect(code).toBe(rows.some((row) => row.state === 'missing') ? 1 : 0)
    for (const row of rows) if (row.state !== 'ok') expect(row.cure).toBeTruthy()
  })

  test('finds damage by itself', async () => {
    expect((await cairn('system', 'check')).stdout).toContain('what it should be')
  })
})
