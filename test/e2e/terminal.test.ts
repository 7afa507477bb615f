import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cairnNode, lacking, needsRoot, skipReason, tempDir, type TestNode } from '#testkit'

const skip = skipReason('terminal', needsRoot(), lacking('crun', 'conmon'))

let node: TestNode

beforeAll(async () => {
  if (!skip) node = await cairnNode()
}, 60_000)

afterAll(async () => {
  if (skip) return
  expect(node.leftovers()).toEqual([])
  await node[Symbol.asyncDispose]()
})

/** A person at a terminal: types, reads, changes the window's size. */
interface Person extends AsyncDisposable {
  readonly exited: Promise<number>
  screen(): string
  type(text: string): void
  resize(columns: number, rows: number): void
  /** Resolves when the screen shows something. */
  sees(pattern: RegExp): Promise<string>
}

function sitDown(args: readonly string[], size = { cols: 100, rows: 30 }, env: Record<string, string> = {}): Person {
  let screen = ''
  let waiting: { pattern: RegExp; resolve: (text: string) => void } | undefined
  const look = (): void => {
    if (!waiting?.pattern.test(screen)) return
    waiting.resolve(screen)
    waiting = undefined
  }
  const child = Bun.spawn(node.argv(args), {
    terminal: {
      ...size,
      data: (_, data) => {
        screen += new TextDecoder().decode(data)
        look()
      },
    },
    env: { ...process.env, TERM: 'xterm', ...env },
  })
  return {
    exited: child.exited,
    screen: () => screen,
    type: (text) => void child.terminal!.write(text),
    resize: (columns, rows) => child.terminal!.resize(columns, rows),
    sees: (pattern) =>
      new Promise((resolve, reject) => {
        waiting = { pattern, resolve }
        void child.exited.then(() => {
          look()
          if (waiting) reject(new Error(`ended without ${String(pattern)}:\n${screen}`))
        })
        look()
      }),
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await child.exited
      child.terminal!.close()
    },
  }
}

describe.skipIf(skip)('a terminal', () => {
  test('is the container’s own, of our size, and follows ours', async () => {
    await using person = sitDown(['run', '--rm', '-it', '--network', 'none', 'busybox', 'sh'])
    await person.sees(/# /)
    person.type('tty; echo size $(stty size)\n')
    await person.sees(/\/dev\/pts\/0[\s\S]*size 30 100/)
    person.resize(77, 11)
    person.type('while [ "$(stty size)" != "11 77" ]; do sleep 0.02; done; echo changed\n')
    await person.sees(/\nchanged/)
    person.type('exit 5\n')
    expect(await person.exited).toBe(5)
  }, 20_000)

  test('passes ctrl-c to the container as a key', async () => {
    await using person = sitDown(['run', '--rm', '-it', '--network', 'none', 'busybox', 'sh'])
    await person.sees(/# /)
    person.type('echo going; sleep 1000\n')
    await person.sees(/\ngoing/)
    // Typed until it is heard: the shell may not have given the terminal to its child yet.
    const typing = setInterval(() => person.type('\x03'), 50)
    await person.sees(/\^C[\s\S]*# /)
    clearInterval(typing)
    person.type('\nexit 6\n')
    expect(await person.exited).toBe(6)
  }, 20_000)

  test('is left by ctrl-p ctrl-q, and come back to', async () => {
    {
      await using person = sitDown(['run', '-it', '--name', 'left', '--network', 'none', 'busybox', 'sh'])
      await person.sees(/# /)
      person.type('X=remembered\n')
      await person.sees(/remembered[\s\S]*# /)
      person.type('\x10\x11')
      expect(await person.exited).toBe(0)
    }
    expect(await node.must(['inspect', '-f', '{{.State.Status}}', 'left'])).toBe('running\n')
    await using person = sitDown(['attach', 'left'])
    // Drawn again for us, at a size that is no other than before.
    await person.sees(/# /)
    person.type('echo again $X\n')
    await person.sees(/again remembered/)
    person.type('exit 3\n')
    expect(await person.exited).toBe(3)
    expect(await node.must(['logs', 'left'])).toContain('again remembered')
    await node.must(['rm', 'left'])
  }, 20_000)

  test('ctrl-c ends who only looks on: logs -f, and attach --sig-proxy=false', async () => {
    await node.must([
      'run',
      '-d',
      '--name',
      'watched',
      '--network',
      'none',
      'busybox',
      'sh',
      '-c',
      'trap "exit 9" INT; while :; do echo tick; sleep 0.05; done',
    ])
    for (const args of [
      ['logs', '-f', 'watched'],
      ['attach', '--sig-proxy=false', 'watched'],
    ]) {
      await using person = sitDown(args)
      await person.sees(/tick/)
      person.type('\x03')
      expect({ args, code: await person.exited }).toEqual({ args, code: 130 })
    }
    expect(await node.must(['inspect', '-f', '{{.State.Status}}', 'watched'])).toBe('running\n')
    await node.must(['rm', '-f', 'watched'])
  }, 20_000)

  test('other keys detach when asked for', async () => {
    await using person = sitDown([
      'run',
      '-it',
      '--rm',
      '--name',
      'keys',
      '--detach-keys',
      'ctrl-x,x',
      '--network',
      'none',
      'busybox',
      'sh',
    ])
    await person.sees(/# /)
    person.type('\x18x')
    expect(await person.exited).toBe(0)
    await node.must(['rm', '-f', 'keys'])
  }, 20_000)

  test('is left by the keys of docker’s config.json, and an exec by those of its flag', async () => {
    using dir = tempDir()
    writeFileSync(join(dir.path, 'config.json'), '{"detachKeys":"ctrl-e,e"}')
    {
      await using person = sitDown(['run', '-it', '--name', 'left', '--network', 'none', 'busybox', 'sh'], undefined, {
        DOCKER_CONFIG: dir.path,
      })
      await person.sees(/# /)
      person.type('\x05e')
      expect(await person.exited).toBe(0)
    }
    await using person = sitDown(['exec', '-it', '--detach-keys', 'ctrl-b', 'left', 'sh'])
    await person.sees(/# /)
    person.type('\x02')
    expect(await person.exited).toBe(0)
    await node.must(['rm', '-f', 'left'])
  }, 20_000)

  test('that is only looked at keeps its Ctrl-C, which is passed on', async () => {
    const trap = 'trap "echo caught; exit 4" INT; echo go; while :; do sleep 0.02; done'
    await using person = sitDown(['run', '--rm', '-t', '--network', 'none', 'busybox', 'sh', '-c', trap])
    await person.sees(/go/)
    person.type('\x03')
    expect(await person.exited).toBe(4)
    expect(person.screen()).toContain('caught')
  }, 20_000)

  test('exec has one too, of our size', async () => {
    await node.must(['run', '-d', '--name', 'host', '--network', 'none', 'busybox', 'sleep', '1000'])
    {
      await using person = sitDown(['exec', '-it', 'host', 'sh'], { cols: 91, rows: 19 })
      await person.sees(/# /)
      person.type('echo size $(stty size); tty\n')
      await person.sees(/size 19 91[\s\S]*\/dev\/pts/)
      person.resize(60, 10)
      person.type('while [ "$(stty size)" != "10 60" ]; do sleep 0.02; done; echo changed\n')
      await person.sees(/\nchanged/)
      person.type('exit 4\n')
      expect(await person.exited).toBe(4)
    }
    await node.must(['rm', '-f', 'host'])
  }, 20_000)

  test('without one, -it says so', async () => {
    const { code, stderr } = await node.cairn(['run', '--rm', '-it', 'busybox', 'true'])
    expect(code).toBe(1)
    expect(stderr).toContain('not a TTY')
  })

  test('is as it was when we are done', async () => {
    const shell = Bun.spawn(
      ['sh', '-c', `${node.argv(['run', '--rm', '-it', '--network', 'none', 'busybox', 'true']).join(' ')}; stty -a`],
      {
        terminal: { cols: 80, rows: 24, data: (_, data) => void (said += new TextDecoder().decode(data)) },
      },
    )
    let said = ''
    await shell.exited
    await Bun.sleep(10)
    expect(said).toMatch(/(?<!-)icanon/)
    expect(said).toMatch(/(?<!-)opost/)
    shell.terminal!.close()
  }, 20_000)

  test('a build on it shows its steps in place', async () => {
    const { mkdtempSync, rmSync, writeFileSync } = await import('node:fs')
    const context = mkdtempSync('/var/tmp/cairn-tty-')
    writeFileSync(`${context}/Dockerfile`, 'FROM busybox\nRUN echo some output; sleep 0.3\nRUN true\n')
    await using person = sitDown(['build', '--network', 'none', context])
    expect(await person.exited).toBe(0)
    expect(person.screen()).toMatch(/Building \d+\.\ds \(\d+\/\d+\) FINISHED/)
    expect(person.screen()).toContain('=> # some output')
    await using again = sitDown(['build', '--network', 'none', context])
    expect(await again.exited).toBe(0)
    expect(again.screen()).toContain('CACHED')
    rmSync(context, { recursive: true })
  }, 20_000)

  test('a failed build step can be looked at from inside', async () => {
    using dir = tempDir()
    const dockerfile = `FROM busybox\nENV WHAT=ever\nWORKDIR /w\nRUN --mount=type=cache,target=/c echo half > done; touch /c/f; false`
    writeFileSync(join(dir.path, 'Dockerfile'), dockerfile)
    await using person = sitDown(['build', '--network', 'none', '--on-error=shell', dir.path])
    await person.sees(/# /)
    person.type('echo "<$(cat done) $(ls /c) $WHAT $PWD $(tty) $(stty size)>"\n')
    await person.sees(/<half f ever \/w \/dev\/pts\/0 30 100>/)
    // What is typed goes to the shell, not to the build.
    // The shell's child says it, so that the keys that follow cannot come before it has the terminal.
    person.type('sh -c "echo go\\$((6*7)); exec sleep 100"\n')
    await person.sees(/go42/)
    person.type('\x03')
    person.type('echo still $((40+2))\n')
    await person.sees(/still 42/)
    person.type('exit 5\n')
    expect(await person.exited).toBe(1)
    expect(person.screen()).toContain('exit code: 1')
    const { stderr } = await node.cairn(['build', '--on-error=shell', dir.path])
    expect(stderr).toContain('needs a terminal')
  }, 20_000)
})
