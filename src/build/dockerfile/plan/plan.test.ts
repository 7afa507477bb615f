import { describe, expect, test } from 'bun:test'
import { CairnError } from '#base'
import type { OpenedImage } from '#image'
import { hostPlatform, type Digest, type ImageConfig, type ProcessConfig } from '#oci'
import { digestText } from '../../digest.ts'
import type { BuildVertex, CopyDefinition, MkdirDefinition, RunDefinition } from '../../ops/definition.ts'
import { imageConfig } from '../../export/config.ts'
import { parseDockerfile } from '../parse.ts'
import { planBuild, type Plan, type PlanOptions } from './plan.ts'

const BASE: ProcessConfig = {
  Env: ['PATH=/bin', 'BASE=1'],
  Cmd: ['sh'],
  Entrypoint: ['init'],
  User: 'web',
  WorkingDir: '/srv',
}

function image(name: string, config: ProcessConfig): OpenedImage {
  const diffId = digestText(name)
  const { os, architecture } = hostPlatform()
  return {
    descriptor: { mediaType: 'm', digest: digestText(`manifest ${name}`), size: 1 },
    config: {
      os,
      architecture,
      config,
      rootfs: { type: 'layers', diff_ids: [diffId] },
      history: [{ created_by: name }],
    },
    platform: hostPlatform(),
    layers: [{ diffId }],
  } as unknown as OpenedImage
}

const asked: string[] = []
async function plan(text: string, options: Partial<PlanOptions> = {}, base: ProcessConfig = BASE): Promise<Plan> {
  asked.length = 0
  return await planBuild(parseDockerfile(text), {
    resolveImage: async (ref) => {
      asked.push(ref)
      if (ref === 'missing') throw new CairnError('not_found', 'no such image')
      return image(ref, ref === 'empty' ? {} : base)
    },
    ...options,
  })
}
async function config(text: string, options: Partial<PlanOptions> = {}, base?: ProcessConfig): Promise<ProcessConfig> {
  return (await plan(text, options, base)).state.config
}
async function history(text: string, options: Partial<PlanOptions> = {}): Promise<string[]> {
  const { state } = await plan(text, options)
  return state.history
    .filter((entry) => !entry.base)
    .map((entry) => `${entry.created_by}${entry.empty_layer ? ' (empty)' : ''}`)
}
/** Vertices from the base up, of the first inputs. */
function chain(vertex: BuildVertex | undefined): BuildVertex[] {
  return vertex ? [...(vertex.inputs.length > 0 ? chain(vertex.inputs[0]) : []), vertex] : []
}
async function refusal(text: string, options: Partial<PlanOptions> = {}): Promise<string> {
  try {
    await plan(text, options)
    return 'nothing'
  } catch (error) {
    expect(error).toBeInstanceOf(CairnError)
    return `${(error as CairnError).location?.line ?? '?'}: ${(error as CairnError).message}`
  }
}

/** The variable V as it is after the instructions: shown by a label. */
async function shown(instructions: string, options: Partial<PlanOptions> = {}): Promise<string | undefined> {
  return (await config(`FROM empty\n${instructions}\nLABEL v=$V`, options)).Labels?.['v']
}

describe('variables', () => {
  const args = (V: string): Partial<PlanOptions> => ({ buildArgs: { V } })
  test('ENV sees old values', async () => expect(await shown('ENV a=1\nENV a=2 V=$a')).toBe('1'))
  test('ARG sees new ones', async () => expect(await shown('ARG A=1 V=$A')).toBe('1'))
  test('ENV, then ARG from outside', async () => expect(await shown('ENV V=3\nARG V', args('9'))).toBe('9'))
  test('ARG, then ENV', async () => expect(await shown('ARG V\nENV V=3', args('9'))).toBe('3'))
  test('a global ARG is invisible', async () => {
    expect((await config('ARG V=1\nFROM empty\nLABEL v=x$V')).Labels?.['v']).toBe('x')
    expect((await config('ARG V=1\nFROM empty\nARG V\nLABEL v=x$V')).Labels?.['v']).toBe('x1')
  })
  test('a default in the stage goes before the global', async () => {
    expect((await config('ARG V=1\nFROM empty\nARG V=2\nLABEL v=$V')).Labels?.['v']).toBe('2')
  })
  test('stage ARGs are inherited by FROM stage', async () => {
    expect((await config('FROM empty AS a\nARG V=1\nFROM a\nLABEL v=x$V')).Labels?.['v']).toBe('x1')
  })
  test('an undeclared build argument is reported', async () => {
    expect((await plan('FROM empty\nARG V', { buildArgs: { V: '1', W: '2', http_proxy: 'x' } })).unusedArgs).toEqual([
      'W',
    ])
  })
  test('platform arguments need an ARG', async () => {
    const { os } = hostPlatform()
    expect(await shown('ARG TARGETOS\nARG TARGETSTAGE\nENV V=$TARGETOS-$TARGETSTAGE-$TARGETARCH')).toBe(
      `${os}-default-`,
    )
  })
  test('FROM expands global ARGs', async () => {
    await plan('ARG I=one\nFROM $I:${T:-2}')
    expect(asked).toEqual(['one:2'])
  })
  test('the escape of the file counts', async () => {
    expect((await config('# escape=`\nFROM empty\nENV A=1\nLABEL v=`$A\\$A')).Labels?.['v']).toBe('$A\\1')
  })
})

describe('config', () => {
  test('ENTRYPOINT clears an inherited CMD, CMD keeps ENTRYPOINT', async () => {
    expect(await config('FROM base\nENTRYPOINT ["x"]')).toMatchObject({ Entrypoint: ['x'], Cmd: null })
    expect(await config('FROM base\nCMD ["x"]')).toMatchObject({ Entrypoint: ['init'], Cmd: ['x'], ArgsEscaped: true })
    expect(await config('FROM base\nCMD ["x"]\nENTRYPOINT ["y"]')).toMatchObject({ Entrypoint: ['y'], Cmd: ['x'] })
    expect(await config('FROM base AS a\nCMD ["x"]\nFROM a\nENTRYPOINT ["y"]')).toMatchObject({ Cmd: null })
  })
  test('bare CMD, empty forms', async () => {
    expect((await config('FROM base\nCMD')).Cmd).toEqual(['/bin/sh', '-c', ''])
    expect((await config('FROM base\nCMD []')).Cmd).toBeNull()
    expect((await config('FROM base\nENTRYPOINT []')).Entrypoint).toBeNull()
  })
  test('SHELL changes later shell forms', async () => {
    expect((await config('FROM base\nSHELL ["/bin/bash","-c"]\nCMD a  b')).Cmd).toEqual(['/bin/bash', '-c', 'a  b'])
  })
  test('scratch has PATH and /', async () => {
    expect(await config('FROM scratch')).toMatchObject({
      WorkingDir: '/',
      Env: [expect.stringContaining('PATH=/usr/local')],
    })
  })
  test('WORKDIR: relative, absolute uncleaned, variables', async () => {
    const { state } = await plan('FROM base\nWORKDIR a\nENV B=b\nWORKDIR $B/../c\nWORKDIR /x/y/../z/')
    expect(state.config.WorkingDir).toBe('/x/y/../z/')
    const made = chain(state.vertex).slice(1)
    expect(made.map((v) => (v.def as MkdirDefinition).path)).toEqual(['/srv/a', '/srv/a/c', '/x/z'])
    expect(made[0]!.def).toMatchObject({ user: 'web' })
  })
  test('EXPOSE: ranges, protocols, words from a variable', async () => {
    const { ExposedPorts } = await config('FROM empty\nENV P="80 90/UDP"\nEXPOSE $P 8000-8002')
    expect(Object.keys(ExposedPorts ?? {})).toEqual(['80/tcp', '90/udp', '8000/tcp', '8001/tcp', '8002/tcp'])
  })
  for (const port of ['10-5', '70000', '80/foo', 'x', '-1', '80:'])
    test(`EXPOSE ${port} is refused`, async () =>
      expect(await refusal(`FROM empty\nEXPOSE ${port}`)).toStartWith('2: invalid port'))
  for (const signal of ['SIGRTMIN+3', '65', 'TERM', 'sigkill', 'RTMAX-1'])
    test(`STOPSIGNAL ${signal}`, async () =>
      expect((await config(`FROM empty\nSTOPSIGNAL ${signal}`)).StopSignal).toBe(signal))
  for (const signal of ['FOO', '0', 'RTMIN-1', 'RTMAX+1'])
    test(`STOPSIGNAL ${signal} is refused`, async () =>
      expect(await refusal(`FROM empty\nSTOPSIGNAL ${signal}`)).toStartWith('2: invalid signal'))
  test('HEALTHCHECK', async () => {
    expect(
      (await config('FROM empty\nHEALTHCHECK --interval=1m30s --start-interval=5s --timeout=0 CMD ["a"]')).Healthcheck,
    ).toEqual({
      Test: ['CMD', 'a'],
      Interval: 90e9,
      StartInterval: 5e9,
    })
    expect((await config('FROM empty\nHEALTHCHECK NONE')).Healthcheck).toEqual({ Test: ['NONE'] })
  })
  test('VOLUME, USER, LABEL, MAINTAINER', async () => {
    const { state } = await plan(
      'FROM empty\nVOLUME ["/a b", "/c"]\nUSER ${U:-me}\nLABEL a=1 "b c"="d e"\nMAINTAINER x y',
    )
    expect(state.config).toMatchObject({ User: 'me', Labels: { a: '1', 'b c': 'd e' } })
    expect(Object.keys(state.config.Volumes ?? {})).toEqual(['/a b', '/c'])
    expect(state.author).toBe('x y')
  })
})

describe('stages', () => {
  test('only what the target needs is looked at', async () => {
    await plan('FROM missing AS unused\nRUN x\nFROM base AS a\nFROM base2\nCOPY --from=a / /', {})
    expect(asked.toSorted()).toEqual(['base', 'base2'])
    await plan('FROM base AS a\nFROM missing', { target: 'A' })
    expect(asked).toEqual(['base'])
  })
  test('names: case, duplicates, numbers, images', async () => {
    const from = async (text: string): Promise<string> => {
      const { state } = await plan(text)
      return state.vertex!.inputs.at(-1)!.name
    }
    expect(await from('FROM one AS x\nFROM two AS X\nFROM base\nCOPY --from=x / /')).toBe('FROM two')
    expect(await from('FROM one\nFROM two\nFROM base\nCOPY --from=0 / /')).toBe('FROM one')
    expect(await from('FROM base\nCOPY --from=other:1 / /')).toBe('FROM other:1')
    expect(await from('FROM base\nCOPY --from=other:1 / /')).toBe('FROM other:1')
  })
  for (const [text, wanted] of [
    ['FROM base\nCOPY --from=0 a b', '2: circular dependency'],
    ['FROM base AS a\nCOPY --from=a a b', '2: circular dependency'],
    ['FROM base AS a\nCOPY --from=b a b\nFROM a AS b', '2: circular dependency'],
    ['FROM base\nCOPY --from=7 a b', '2: invalid stage index 7'],
    ['ARG A=x\nFROM base\nARG A\nCOPY --from=$A a b', '4: variables are not expanded in --from'],
    ['FROM $NONE', '1: base name ($NONE) should not be blank'],
    ['FROM missing', '1: no such image'],
    ['FROM --platform=$X base', '1: empty platform value'],
    ['FROM base\nADD --checksum=sha256:0 https://x/y /z', '2: invalid checksum "sha256:0"'],
    ['FROM base\nADD --checksum=ab a /z', '2: checksum requires HTTP(S) or Git sources'],
    ['FROM base\nADD --checksum=ab a b /z', "2: checksum can't be specified for multiple sources"],
    ['FROM base\nCOPY https://x/y /z', "2: source can't be a URL"],
    ['FROM base\nADD git@x:y.git?nope=1 /z', '2: unexpected query "nope"'],
    ['FROM base\nADD --keep-git-dir git@x:y.git?keep-git-dir=false /z', '2: inconsistent keep-git-dir'],
    ['FROM base\nADD --checksum=ab git@x:y.git?commit=cd /z', '2: checksum mismatch "ab" != "cd"'],
    ['FROM base\nCOPY --chmod=9 a b', '2: invalid chmod parameter'],
    ['FROM base\nENV A="${B?need B}"', '2: cannot expand'],
  ] as const)
    test(text.replaceAll('\n', ' ⏎ '), async () => {
      const target = text.includes('AS b') ? { target: 'a' } : {}
      expect(await refusal(text, target)).toStartWith(wanted)
    })
  for (const text of ['FROM $VERSION', 'FROM base:$VERSION', 'FROM --platform=linux/$VERSION base'])
    test(`${text}: a global argument of nearly that name`, async () => {
      const hint = async (dockerfile: string): Promise<string | undefined> =>
        ((await plan(dockerfile).catch((error: unknown) => error)) as CairnError).hint
      expect(await hint(`ARG VERSOIN=1\n${text}`)).toBe('did you mean $VERSOIN?')
      expect(await hint(text)).toBeUndefined()
    })
  test('a target that is not there', async () => {
    expect(await refusal('FROM base AS a', { target: '0' })).toContain('target stage "0" could not be found')
  })
  test('ONBUILD of an image and of a stage runs once, first', async () => {
    const trigger = { ...BASE, OnBuild: ['ENV V=1', 'RUN make\n'] }
    expect(await history('FROM a\nRUN x', {})).toHaveLength(1)
    const { state } = await plan('FROM a AS b\nFROM b\nRUN x', {}, trigger)
    expect(chain(state.vertex).map((v) => v.name)).toEqual([
      'FROM a',
      '[b 2/2] ONBUILD RUN make',
      '[stage-1 1/1] RUN x',
    ])
    expect(state.config.OnBuild).toBeUndefined()
    const own = await plan('FROM base AS b\nONBUILD RUN <<E\nhi\nE\nFROM b')
    expect((own.state.vertex!.def as RunDefinition).args).toEqual(['/bin/sh', '-c', 'hi\n'])
  })
})

describe('layers', () => {
  test('RUN: forms, heredocs, shebang', async () => {
    const run = async (text: string): Promise<RunDefinition> =>
      (await plan(`FROM base\n${text}`)).state.vertex!.def as RunDefinition
    expect((await run('RUN a  b')).args).toEqual(['/bin/sh', '-c', 'a  b'])
    expect((await run('RUN ["a", "b"]')).args).toEqual(['a', 'b'])
    expect((await run('RUN <<E\na\nb\nE')).args).toEqual(['/bin/sh', '-c', 'a\nb\n'])
    expect((await run('RUN <<-E\n\ta\n\tE')).args).toEqual(['/bin/sh', '-c', 'a\n'])
    expect((await run('RUN cat <<E >/x\na\nE')).args).toEqual(['/bin/sh', '-c', 'cat <<E >/x\na\nE'])
    expect(await run('RUN <<E\n#!/bin/x\na\nE')).toMatchObject({
      args: ['/bin/sh', '-c', '/dev/pipes/E'],
      files: [{ path: '/dev/pipes/E', mode: 0o755, text: '#!/bin/x\na\n' }],
    })
    expect(await run('ARG A=1\nENV B=2\nRUN x')).toMatchObject({
      env: ['PATH=/bin', 'BASE=1', 'A=1', 'B=2'],
      cwd: '/srv',
      user: 'web',
    })
    expect((await run('RUN --network=none x')).network).toBe('none')
  })
  test('COPY: destinations', async () => {
    const to = async (destination: string): Promise<string> =>
      ((await plan(`FROM base\nCOPY a ${destination}`)).state.vertex!.def as CopyDefinition).destination
    expect(await Promise.all(['/x', '/x/', 'x', 'x/', '.', './', '/', '../y', '/x/.'].map(to))).toEqual([
      '/x',
      '/x/',
      '/srv/x',
      '/srv/x/',
      '/srv/',
      '/srv/',
      '/',
      '/y',
      '/x/',
    ])
  })
  test('COPY: heredocs expand unless quoted', async () => {
    const { state } = await plan(`FROM base\nENV A=1\nCOPY <<E <<'F' /d/\n$A "q"\nE\n$A\nF\n`)
    expect((state.vertex!.def as CopyDefinition).sources).toEqual([
      { kind: 'inline', name: 'E', text: '1 "q"\n' },
      { kind: 'inline', name: 'F', text: '$A\n' },
    ])
  })
  test('equal steps are one vertex, whatever their names', async () => {
    const digest = async (text: string): Promise<Digest> => (await plan(text)).state.vertex!.digest
    expect(await digest('FROM base\nRUN x')).toBe(await digest('FROM base AS n\n# c\nRUN \\\n x'))
    expect(await digest('FROM base\nRUN x')).not.toBe(await digest('FROM base\nRUN x y'))
  })
  test('proxies reach steps, not keys of the graph', async () => {
    const { state } = await plan('FROM base\nRUN x', { buildArgs: { HTTPS_PROXY: 'p' } })
    expect(state.vertex!.def).toMatchObject({ proxy: ['HTTPS_PROXY=p', 'https_proxy=p'], env: ['PATH=/bin', 'BASE=1'] })
    expect(state.history.at(-1)!.created_by).toBe('RUN /bin/sh -c x # buildkit')
  })
  test('names count as people do', async () => {
    const { state } = await plan('FROM base\nENV A=1\nRUN x $A $B\nWORKDIR /w\nCOPY a b')
    expect(chain(state.vertex).map((v) => v.name)).toEqual([
      'FROM base',
      '[2/4] RUN x 1 $B',
      '[3/4] WORKDIR /w',
      '[4/4] COPY a b',
    ])
  })
})

test('history reads as BuildKit writes it', async () => {
  const text = `FROM base
ARG V=1
ARG W
ENV A=b C="d e"
LABEL l=1
EXPOSE 80
USER u
VOLUME /v
STOPSIGNAL TERM
SHELL ["/bin/bash", "-c"]
HEALTHCHECK --interval=90s CMD x
MAINTAINER m
WORKDIR /w
WORKDIR /
RUN echo "hi"
RUN ["a", "b"]
COPY --chown=1:2 a b /c
COPY <<E /e
E
ADD d /d/
CMD ["a", "q\\"q"]
ENTRYPOINT x
ONBUILD RUN y`
  expect(await history(text)).toEqual([
    'ARG V=1 (empty)',
    'ARG W (empty)',
    'ENV A=b C=d e (empty)',
    'LABEL l=1 (empty)',
    'EXPOSE [80/tcp] (empty)',
    'USER u (empty)',
    'VOLUME [/v] (empty)',
    'STOPSIGNAL TERM (empty)',
    'SHELL [/bin/bash -c] (empty)',
    'HEALTHCHECK {Test:[CMD-SHELL x] Interval:1m30s Timeout:0s StartPeriod:0s StartInterval:0s Retries:0} (empty)',
    'MAINTAINER m (empty)',
    'WORKDIR /w',
    'WORKDIR / (empty)',
    'RUN |2 V=1 W= /bin/bash -c echo "hi" # buildkit',
    'RUN |2 V=1 W= a b # buildkit',
    'COPY --chown=1:2 a b /c # buildkit',
    'COPY <<E /e # buildkit',
    'ADD d /d/ # buildkit',
    'CMD ["a" "q\\"q"] (empty)',
    'ENTRYPOINT ["/bin/bash" "-c" "x"] (empty)',
  ])
})

test('the config document: fixed order, sorted maps, times, base history that disagrees', async () => {
  const { state } = await plan('FROM base\nLABEL b=1 a=2\nRUN x', {})
  const layers = [digestText('base'), digestText('base2'), digestText('x')]
  const document = imageConfig(state, { layers, created: 86400, labels: { c: '3' }, platform: hostPlatform() })
  expect(JSON.stringify(Object.keys(document))).toBe('["architecture","config","created","history","os","rootfs"]')
  expect(Object.keys(document.config!.Labels!)).toEqual(['a', 'b', 'c'])
  expect(document.created).toBe('1970-01-02T00:00:00Z')
  expect(document.history).toEqual([
    { created_by: 'base' },
    { created: '1970-01-02T00:00:00Z', created_by: '', comment: 'a layer without history' },
    {
      created: '1970-01-02T00:00:00Z',
      created_by: 'LABEL b=1 a=2',
      comment: 'buildkit.dockerfile.v0',
      empty_layer: true,
    },
    { created: '1970-01-02T00:00:00Z', created_by: 'RUN /bin/sh -c x # buildkit', comment: 'buildkit.dockerfile.v0' },
  ] satisfies ImageConfig['history'] as never)
})
