import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { CairnError } from '#base'
import { readDefinitions, type Target } from '../index.ts'
import { parseDotenv } from './dotenv.ts'
import { substituted } from './interpolate.ts'

const read = async (text: string, others: Record<string, string> = {}): Promise<ReadonlyMap<string, Target>> => {
  const readFile = (path: string): string | undefined => (Object.hasOwn(others, path) ? others[path] : undefined)
  return (await readDefinitions([{ name: 'compose.yaml', text }], { environment: { SET: 's' }, readFile })).targets
}

async function failure(text: string, others?: Record<string, string>): Promise<string> {
  try {
    await read(text, others)
  } catch (error) {
    if (error instanceof CairnError) return error.message
    throw error
  }
  throw new Error('read without an error')
}

const build = (members: string): string => `services: {a: {build: {context: ., ${members}}}}`

test('variables without a value are told of, each once', async () => {
  const said: string[] = []
  const warn = (message: string): void => void said.push(message)
  const text = `services:
  a:
    image: x:$TAG
    build:
      context: .
      args: {A: "\${TAG}", B: "\${SET}", C: "\${D-d}", E: "\${F:-\${G}}", H: $$I, J: "\${K+k}"}
`
  await readDefinitions([{ name: 'compose.yaml', text }], { environment: { SET: 's' }, warn })
  const notSet = (name: string): string => `The "${name}" variable is not set. Defaulting to a blank string.`
  expect(said).toEqual([notSet('TAG'), notSet('G')])
})

describe('refused by name', () => {
  test.each([
    ['a member that there is not', build('foo: 1'), 'services.a.build has no "foo"'],
    ['one of x-bake', build('x-bake: {foo: 1}'), 'services.a.build.x-bake has no "foo"'],
    ['a wrong kind', build('target: [1]'), 'services.a.build.target must be a string'],
    ['no image', 'services: {a: {}}', 'service "a" has neither an image nor a build context'],
    ['no services', 'volumes: {}', 'compose.yaml: no services'],
    ['a secret that is not defined', build('secrets: [s]'), 'services.a.build.secrets: there is no secret "s"'],
    [
      'a secret elsewhere',
      `${build('secrets: [s]')}\nsecrets: {s: {external: true}}`,
      'services.a.build: the secret "s" is external',
    ],
    [
      'a service that is not built',
      build('additional_contexts: {x: "service:b"}'),
      'service "a" reads "b", which is not built',
    ],
    [
      'a key that is said twice',
      'services: {a: {build: a}, a: {build: b}}',
      'compose.yaml is not YAML: Map keys must be unique',
    ],
    [
      'a required variable',
      build('args: {A: "${NEED:?say it}"}'),
      'services.a.build.args.A: required variable NEED is missing a value: say it',
    ],
    ['a template that is none', build('args: {A: "${1X}"}'), 'services.a.build.args.A: "${1X}" is no valid template'],
    ['a file that is not there', 'include: [x.yml]\nservices: {a: {build: .}}', 'there is no file x.yml'],
    [
      'an environment that is not there',
      'services: {a: {env_file: x.env, build: .}}',
      'services.a.env_file: there is no file x.env',
    ],
    ['a list on top', '- a', 'compose.yaml must be a mapping'],
    [
      'a name that no target has',
      'services: {"a b": {build: .}}',
      'invalid service name "a b": only letters, digits, "_", "-" and "." are allowed',
    ],
  ])('%s', async (_, text, message) => {
    expect(await failure(text)).toBe(message)
  })
})

describe('hostile files', () => {
  test('services that extend each other, in one file and in two', async () => {
    expect(await failure('services: {a: {extends: b, build: .}, b: {extends: a}}')).toContain(
      'services extend each other',
    )
    const other = 'services: {b: {extends: {file: compose.yaml, service: a}}}'
    const text = 'services: {a: {extends: {file: x.yml, service: b}, build: .}}'
    expect(await failure(text, { 'x.yml': other, 'compose.yaml': text })).toContain('services extend each other')
  })

  test('files that include each other', async () => {
    const text = 'include: [x.yml]\nservices: {a: {build: .}}'
    expect(await failure(text, { 'x.yml': 'include: [compose.yaml]', 'compose.yaml': text })).toContain(
      'files include each other',
    )
  })

  test('anchors that multiply', async () => {
    const levels = Array.from({ length: 9 }, (_, i) => `  l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(',')}]`)
    const text = `x:\n  l0: &l0 [1]\n${levels.join('\n')}\nservices: {a: {build: .}}`
    expect(await failure(text)).toContain('Excessive alias count')
    const wide = `x: &x [${Array(2000).fill(1).join(',')}]\ny: [${Array(2000).fill('*x').join(',')}]\nservices: {a: {build: .}}`
    expect(await failure(wide)).toContain('more than 1000000 members')
  })

  test('nesting, as deep as it may be', async () => {
    for (const depth of [200, 3000, 400_000])
      expect(await failure(`services: {a: {build: .}}\nx: ${'['.repeat(depth)}${']'.repeat(depth)}`)).toContain(
        'nested too deeply',
      )
  })

  test('nesting without brackets', async () => {
    for (const mark of ['- ', '? ']) expect(await failure(mark.repeat(100_000))).toContain('nested too deeply')
    expect(await failure(`services: ${'x'.repeat(1 << 20)}`)).toContain('larger than')
  })

  test('names that objects have of their own', async () => {
    const found = await read('services: {constructor: {build: {context: ., args: {__proto__: x, toString: }}}}')
    expect(Object.entries(found.get('constructor')!.args!)).toEqual([['__proto__', 'x']])
  })

  test('any text is read or refused in words', async () => {
    const word = fc.constantFrom(
      'services:',
      ' a:',
      '\n',
      '  ',
      'build: .',
      '{',
      '}',
      '[',
      ']',
      '&x',
      '*x',
      '<<:',
      '!reset',
      '${',
      '"',
      '- ',
      '? ',
      '|',
      'extends: a',
    )
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 25 }), async (words) => {
        await read(words.join('')).catch((error: unknown) => expect(error).toBeInstanceOf(CairnError))
      }),
    )
  })
})

test('what other builders leave to the side is honoured', async () => {
  const found = await read(build('entitlements: [security.insecure], no_cache_filter: s, ulimits: {nproc: 9}'))
  expect(found.get('a')).toMatchObject({
    entitlements: ['security.insecure'],
    'no-cache-filter': ['s'],
    ulimits: ['nproc=9:9'],
  })
})

test('keys of agents, as a list and as a mapping; x-bake adds', async () => {
  expect((await read(build('ssh: [default, "k=./id"]'))).get('a')?.ssh).toEqual([
    { id: 'default' },
    { id: 'k', paths: 'id' },
  ])
  expect((await read(build('ssh: {k: /id}, x-bake: {ssh: default}'))).get('a')?.ssh).toEqual([
    { id: 'default' },
    { id: 'k', paths: '/id' },
  ])
})

test('templates', () => {
  const names: Record<string, string> = { A: 'a', EMPTY: '' }
  const value = (text: string): string => substituted(text, (name) => names[name], 'x')
  expect(value('$A-$$A-${A}-$1-$')).toBe('a-$A-a-$1-$')
  expect(value('${X-d}${EMPTY-d}${EMPTY:-${A:+in}}')).toBe('din')
  expect(value('${A+x}${EMPTY:+x}${EMPTY+y}${X+z}')).toBe('xy')
})

test('.env files', () => {
  const text = '# c\nA=1\nexport B="two $A\\n\\$q" # hi\nC=\'lit $A\'\nD=un quoted # c\nE: yaml\nOUTER\nNONE\nF=\n'
  const found = parseDotenv({ name: '.env', text }, (name) => (name === 'OUTER' ? 'o' : undefined))
  expect(Object.fromEntries(found)).toEqual({
    A: '1',
    B: 'two 1\n$q',
    C: 'lit $A',
    D: 'un quoted',
    E: 'yaml',
    OUTER: 'o',
    F: '',
  })
  expect(() => parseDotenv({ name: '.env', text: 'A=1\n\nA B=2' }, () => undefined)).toThrow(
    '.env: expected NAME=value',
  )
})
