import { describe, expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findRuntime } from '#runtime'
import { buildLab, lacking, needsRoot, skipReason, type BuildLab, type LabBuild, type LabOutcome } from '#testkit'
import { reapSteps } from '../step.ts'

const isMissing = skipReason('mounts of RUN', needsRoot(), lacking('crun'))

const top = (outcome: LabOutcome | undefined): readonly string[] => outcome?.layers.at(-1) ?? []

async function one(
  lab: BuildLab,
  text: string,
  options: Omit<LabBuild, 'context' | 'text'> & { readonly files?: Record<string, string> } = {},
): Promise<LabOutcome> {
  const { files = {}, ...rest } = options
  return (await lab.build({ context: lab.context(files), text, ...rest }))[0]!
}

describe.skipIf(isMissing)('needs root and crun: mounts of RUN', () => {
  test('bind: context, stage and image, a file, a directory, all of it; read-only, or written and forgotten', async () => {
    await using lab = await buildLab()
    const files = { 'src/a': 'one', 'src/b/c': 'two', drop: 'x', '.dockerignore': 'drop' }
    const outcome = await one(
      lab,
      `FROM busybox AS made
RUN mkdir -p /out/d && echo three > /out/d/f && ln -s d /out/l
FROM busybox
WORKDIR /w
RUN --mount=target=. --mount=type=bind,source=src/a,target=/one/a --mount=from=made,source=/out/l,dst=/made \\
    --mount=type=bind,from=busybox,target=/img,rw \\
    cat src/a src/b/c /one/a /made/f; ls; stat -c %u:%g src; \\
    touch no 2>/dev/null || echo refused; touch /made/no 2>/dev/null || echo refused; touch /img/yes && ls -d /img/bin`,
      { files },
    )
    expect(outcome.error).toBeUndefined()
    expect(outcome.output).toBe(
      'onetwoonethree\nDockerfile\nsrc\n0:0\nrefused\nrefused\n/img/bin\n'.replace('Dockerfile\n', ''),
    )
    expect(top(outcome)).toEqual([])
    expect(lab.leftovers()).toEqual([])
  })

  test('bind: the key is the content of what is selected', async () => {
    await using lab = await buildLab()
    const context = lab.context({ 'src/a': 'one', other: 'x' })
    const text = `FROM busybox AS made
ARG V=1
RUN mkdir /d; echo same > /d/f; echo $V > /other
FROM busybox
RUN --mount=source=src,target=/src cat /src/a
RUN --mount=from=made,source=/d,target=/d cat /d/f`
    const rerun = async (V = '1'): Promise<readonly string[]> =>
      (await lab.build({ context, text, buildArgs: { V } }))[0]!.ran.map((name) => name.replace(/^\[|\].*/g, ''))
    expect(await rerun()).toHaveLength(4)
    writeFileSync(join(context, 'other'), 'y')
    expect(await rerun()).toEqual([])
    expect(await rerun('2')).toEqual(['FROM busybox', 'made 2/2'])
    writeFileSync(join(context, 'src/a'), 'two')
    expect(await rerun('2')).toEqual(['FROM busybox', 'stage-1 2/3'])
  })

  test('what was made to be mounted over never gets into the layer', async () => {
    await using lab = await buildLab()
    const outcome = await one(
      lab,
      `FROM busybox
RUN mkdir -p /var/cache/x/y /opt/real && chown 5:6 /opt/real && chmod 700 /opt/real && ln -s real /opt/link
RUN rm -r /var/cache/x
RUN --mount=type=cache,target=/var/cache/x/y --mount=type=tmpfs,target=/new/dir --mount=type=secret,id=s \\
    --mount=type=tmpfs,target=/opt/link/in/side ls -d /var/cache/x/y /new/dir /opt/real/in/side; ls -ld /opt/real
RUN --mount=type=cache,target=/opt/link/in touch /opt/real/made && echo x > /opt/real/in/cached`,
      { secrets: { s: { file: '/etc/hostname' } } },
    )
    expect(outcome.error).toBeUndefined()
    expect(outcome.output).toMatch(/^\/new\/dir\n\/opt\/real\/in\/side\n\/var\/cache\/x\/y\ndrwx------ .* 5 .* 6 /)
    expect(outcome.layers.at(-2)).toEqual([])
    expect(top(outcome)).toEqual([
      'opt directory 755 0:0 0',
      'opt/real directory 700 5:6 0',
      'opt/real/made file 644 0:0 0 ""',
    ])
  })

  test('tmpfs: its size, and nothing of it stays', async () => {
    await using lab = await buildLab()
    const outcome = await one(
      lab,
      `FROM busybox
ARG SIZE=2m
RUN --mount=type=tmpfs,target=/t,size=\${SIZE} grep ' /t ' /proc/mounts && cp /bin/busybox /t/true && /t/true`,
    )
    expect(outcome.error).toBeUndefined()
    expect(outcome.output).toContain('size=2048k')
    expect(top(outcome)).toEqual([])
  })

  test('cache: stays from build to build by id, owner and namespace, and is in no key', async () => {
    await using lab = await buildLab()
    const context = lab.context({})
    const step = (options: string, n: number): LabBuild => ({
      context,
      text: `FROM busybox\nRUN --mount=type=cache,target=/c${options} echo ${n} >> /c/log; cat /c/log; stat -c %a:%u:%g /c`,
    })
    const [a, b, c, d, e, f] = await lab.build(
      step('', 1),
      step('', 2),
      step(',id=/c', 3),
      step(',uid=5,gid=6,mode=0700', 4),
      { ...step('', 5), buildArgs: { BUILDKIT_CACHE_MOUNT_NS: 'other' } },
      step(',ro', 6),
    )
    expect(a!.output).toBe('1\n755:0:0\n')
    expect(b!.output).toBe('1\n2\n755:0:0\n')
    expect(c!.output).toBe('1\n2\n3\n755:0:0\n')
    expect(d!.output).toBe('4\n700:5:6\n')
    expect(e!.output).toBe('5\n755:0:0\n')
    expect(f!.output).toContain('Read-only file system\n1\n2\n3\n755:0:0\n')
    expect(top(b)).toEqual([])
    expect((await lab.build(step('', 2)))[0]!.ran).toEqual([])
  })

  test('cache: begins with what from= has, and source= is a part of it', async () => {
    await using lab = await buildLab()
    const outcome = await one(
      lab,
      `FROM busybox AS base
RUN mkdir -p /d/e && echo begun > /d/e/f && chown 7 /d/e/f
FROM busybox
RUN --mount=type=cache,from=base,source=/d/e,target=/c cat /c/f; stat -c %u /c/f; echo more >> /c/f
RUN --mount=type=cache,id=/c,from=base,source=/d,target=/other cat /other/e/f`,
    )
    expect(outcome.error).toBeUndefined()
    expect(outcome.output).toBe('begun\n7\nbegun\nmore\n')
  })

  test('cache: shared by all, private to each, or locked, in several processes', async () => {
    await using lab = await buildLab()
    await one(lab, 'FROM busybox')
    const meet = (sharing: string): LabBuild[] =>
      ['a', 'b'].map((name) => ({
        context: lab.context({}),
        text: `FROM busybox
RUN --mount=type=cache,id=${sharing},sharing=${sharing},target=/c --mount=type=cache,id=meet,target=/meet \\
    touch /meet/${sharing}-${name} /c/${name}; i=0; \\
    while [ $i -lt 300 ] && [ $(ls /meet | grep -c ${sharing}-) -lt 2 ]; do usleep 10000; i=$((i+1)); done; \\
    ls /c; usleep 300000`,
      }))
    const both = async (sharing: string): Promise<string[]> =>
      (await Promise.all(meet(sharing).map((request) => lab.build(request)))).map(([outcome]) => outcome!.output)
    expect(await both('shared')).toEqual(['a\nb\n', 'a\nb\n'])
    expect(await both('private')).toEqual(['a\n', 'b\n'])
    // The second begins when the first has ended: each sees its own file alone, in the same directory.
    const context = lab.context({})
    const locked = (name: string): LabBuild => ({
      context,
      text: `FROM busybox\nRUN --mount=type=cache,id=l,sharing=locked,target=/c touch /c/${name}; usleep 300000; ls /c; rm /c/${name}`,
    })
    const outputs = await Promise.all([lab.build(locked('a')), lab.build(locked('b'))])
    expect(outputs.map(([outcome]) => outcome!.output).toSorted()).toEqual(['a\n', 'b\n'])
    expect(lab.leftovers()).toEqual([])
  }, 60_000)

  test('secrets: as a file, as a variable, with an owner; optional and required', async () => {
    await using lab = await buildLab()
    const secrets = { file: { file: '/proc/self/cmdline' }, named: { env: 'PATH' } }
    const outcome = await one(
      lab,
      `FROM busybox
RUN --mount=type=secret,id=named --mount=type=secret,id=named,env=TOKEN,target=/t,mode=0440,uid=3,gid=4 \\
    --mount=type=secret,id=nobody --mount=type=secret,id=nobody,env=NO \\
    --mount=type=secret,id=named,env=named \\
    stat -c %a:%u:%g /run/secrets/named /t; cmp /run/secrets/named /t; [ "$TOKEN" = "$(cat /t)" ] && echo same; ls /run/secrets; \\
    echo "<\${NO-unset}>"`,
      { secrets },
    )
    expect(outcome.error).toBeUndefined()
    expect(outcome.output).toBe('400:0:0\n440:3:4\nsame\nnamed\n<>\n')
    expect(top(outcome)).toEqual([])
    const missing = await one(lab, 'FROM busybox\nRUN --mount=type=secret,id=gone,required true')
    expect(missing.error).toMatchObject({ code: 'failed_precondition', location: { line: 2 } })
    expect(missing.error!.hint).toContain('--secret id=gone')
  })

  test('a secret is in no byte of the store, before or after the step, nor in what the build says', async () => {
    await using lab = await buildLab()
    const value = `s3cr3t-${crypto.randomUUID()}`
    const place = mkdtempSync('/var/tmp/cairn-secret-')
    try {
      writeFileSync(join(place, 'value'), value)
      const secrets = { s: { file: join(place, 'value') } }
      const text = `FROM busybox
RUN --mount=type=secret,id=s --mount=type=secret,id=s,env=S [ "$S" = "$(cat /run/secrets/s)" ] && echo equal > /f
RUN --mount=type=secret,id=s,env=S false`
      const failed = await one(lab, text, { secrets })
      expect(failed.error?.message).toContain('exit code: 1')
      expect(JSON.stringify(failed)).not.toContain(value)
      expect(failed.ran).toHaveLength(3)
      await lab.kill(
        { context: lab.context({}), text: text.replace('false', 'touch /begun; sleep 1000'), secrets },
        1,
        'begun',
      )
      expect(lab.leftovers()).not.toEqual([])
      const found = spawnSync('grep', ['-rlaF', value, lab.dir], { encoding: 'utf8' })
      expect(found.stdout).toBe('')
      expect(found.status).toBe(1)
      await reapSteps(join(lab.dir, 'work'), () => findRuntime(undefined, { run: join(lab.dir, 'run') }))
      expect(lab.leftovers()).toEqual([])
      // The value is in no key: another one finds the first step done.
      writeFileSync(join(place, 'value'), 'another')
      expect((await one(lab, text, { secrets })).cached).toContain(
        '[2/3] RUN --mount=type=secret,id=s --mount=type=secret,id=s,env=S [ "$S" = "$(cat /run/secrets/s)" ] && echo equal > /f',
      )
    } finally {
      rmSync(place, { recursive: true })
    }
  })

  test('a context that changes while it is built makes no record', async () => {
    await using lab = await buildLab()
    const context = lab.context({ f: 'one', go: '' })
    // The first step waits for the change; what the second mounts was in its key before.
    const text = `FROM busybox AS first
RUN --mount=type=cache,target=/c touch /c/begun; while [ ! -e /c/changed ]; do usleep 10000; done
FROM busybox
COPY --from=first /etc/passwd /p
RUN --mount=source=f,target=/f cat /f`
    const building = lab.build({ context, text })
    const cache = (): string | undefined =>
      new Bun.Glob('cachemounts/*/0/begun').scanSync({ cwd: lab.dir }).next().value as string | undefined
    while (cache() === undefined) await Bun.sleep(10)
    writeFileSync(join(context, 'f'), 'another')
    writeFileSync(join(lab.dir, cache()!.replace('begun', 'changed')), '')
    const [outcome] = await building
    expect(outcome!.error).toMatchObject({ code: 'failed_precondition', location: { line: 5 } })
    expect(outcome!.error?.message).toContain('changed')
    expect((await lab.build({ context, text }))[0]!.output).toBe('another')
  }, 30_000)

  test('named contexts: a directory, and an image under another name', async () => {
    await using lab = await buildLab()
    const extra = lab.context({ 'sub/f': 'extra', drop: 'x', '.dockerignore': 'drop' })
    const outcome = await one(
      lab,
      `FROM busybox
RUN --mount=from=extra,target=/e --mount=from=extra,source=sub/f,target=/f ls -A /e; cat /f
RUN --mount=type=cache,from=extra,target=/c cat /c/sub/f && touch /c/kept
RUN --mount=type=cache,id=/c,from=extra,target=/c ls /c`,
      { contexts: { extra } },
    )
    expect(outcome.error).toBeUndefined()
    expect(outcome.output).toBe('.dockerignore\nsub\nextraextrakept\nsub\n')
  })

  test('cancelled in a step with every kind of mount, and in one that waits for a cache: nothing is left', async () => {
    await using lab = await buildLab()
    const all = `RUN --mount=type=cache,target=/c,sharing=locked --mount=target=/x --mount=from=busybox,target=/b,rw \\
    --mount=type=secret,id=s --mount=type=tmpfs,target=/t`
    const text = `FROM busybox AS one
${all} sleep 100
FROM busybox AS two
${all} sleep 101
FROM busybox
COPY --from=one / /
COPY --from=two / /`
    const secrets = { s: { env: 'PATH' } }
    const outcome = await one(lab, text, { cancelAfter: 3, secrets, files: { f: '1' } })
    expect(outcome.error?.code).toBe('canceled')
    expect(lab.leftovers()).toEqual([])
    const again = await one(lab, `FROM busybox\n${all} cat /x/f`, { secrets, files: { f: '1' } })
    expect(again.output).toBe('1')
  })

  test('what is refused, at its line', async () => {
    await using lab = await buildLab()
    const context = lab.context({})
    const cases = [
      ['--mount=type=bind,from=$IMG,target=/x', "'from' doesn't support variable expansion"],
      ['--mount=type=nope,target=/x', 'unsupported mount type "nope"'],
      ['--mount=type=tmpfs,target=/x,sharing=locked', 'sharing is for cache mounts'],
      ['--mount=type=cache,target=/x,sharing=some', 'unsupported sharing value "some"'],
      ['--mount=type=bind,target=/', 'invalid mount target "/"'],
      ['--mount=type=bind,target=/x,uid=1', 'mode, uid and gid are not allowed for bind mounts'],
      ['--mount=type=secret', 'one of source, target required'],
      ['--mount=type=secret,id=a,source=b', "both source and id can't be set"],
      ['--mount=type=cache,targte=/x', "unexpected key 'targte'"],
      ['--mount=type=cache,target', "invalid field 'target' must be a key=value pair"],
      ['--mount=type=bind,source=nope,target=/x', '"/nope" is not in the build context'],
      ['--mount=type=bind,from=busybox,source=/nope,target=/x', '"/nope" is not in the image or stage'],
      ['--mount=type=bind,from=later,target=/x', 'it needs to be defined before'],
      ['--network=host', 'network.host'],
      ['--security=insecure', 'security.insecure'],
    ] as const
    const outcomes = await lab.build(
      ...cases.map(([flags]) => ({
        context,
        text: `FROM busybox AS one\nRUN ${flags} true\nFROM busybox AS later`,
        target: 'one',
      })),
    )
    expect(outcomes.map(({ error }, i) => [cases[i]![0], error?.message, error?.location?.line])).toEqual(
      cases.map(([flags, message]) => [flags, expect.stringContaining(message), 2]),
    )
    expect(lab.leftovers()).toEqual([])
  })
})
