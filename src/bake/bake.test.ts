import { describe, expect, test } from 'bun:test'
import { constants, generateKeyPairSync, publicEncrypt } from 'node:crypto'
import fc from 'fast-check'
import { CairnError } from '#base'
import { parseOverride, planTargets, printed, type BakeOptions, type Target } from './index.ts'
import { readBakeDefinitions } from './read.ts'

const read = (text: string, options?: BakeOptions, name = 'bake.hcl'): ReturnType<typeof readBakeDefinitions> =>
  readBakeDefinitions([{ name, text }], options)

/** What an expression comes to, as the text of a build argument. */
function value(expression: string, head = ''): string | undefined {
  return read(`${head}\ntarget "t" {\n  args = { V = ${expression}\n }\n}`).targets.get('t')?.args?.['V']
}

function failure(text: string, name?: string): CairnError {
  try {
    planTargets(read(text, {}, name), [])
  } catch (error) {
    if (error instanceof CairnError) return error
    throw error
  }
  throw new Error('read without an error')
}

const targets = (text: string, wanted: string[] = [], set: string[] = []): Record<string, Target> => {
  const overrides = set.map((item) => parseOverride(item, (name) => (name === 'OWN' ? 'own' : undefined))!)
  return Object.fromEntries(planTargets(read(text), wanted, overrides).targets)
}

test('bcrypt: a hash that verifies, of no more bytes and no greater cost than it can', async () => {
  const hash = value('bcrypt("secret", 5)')!
  expect(hash).toStartWith('$2a$05$')
  expect(await Bun.password.verify('secret', hash)).toBe(true)
  expect(await Bun.password.verify('other', hash)).toBe(false)
  expect(value('substr(bcrypt("a", 3), 0, 7)')).toBe('$2a$10$')
  for (const bad of [
    `bcrypt("${'x'.repeat(73)}")`,
    'bcrypt("a", 17)',
    'bcrypt("a", 4.5)',
    'bcrypt(null)',
    'bcrypt("a", 4, 4)',
  ])
    expect(() => value(bad)).toThrow('bcrypt()')
})

test('rsadecrypt: PKCS #1, and nothing else', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const encrypted = publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_PADDING }, Buffer.from('gehéim'))
  const call = (ciphertext: string, key: string): string => `rsadecrypt("${ciphertext}", ${JSON.stringify(key)})`
  const text = encrypted.toString('base64')
  const key = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()
  expect(value(call(text, key))).toBe('gehéim')
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs1', format: 'pem' })
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  for (const bad of [call(text, pkcs8), call(text, other.toString()), call('AAAA', key), call('?', key)])
    expect(() => value(bad)).toThrow('rsadecrypt()')
})

test('buffers are made by nothing', () => {
  expect(() => value('byteslen("a")')).toThrow('must be a buffer')
  expect(() => value('bytesslice("a", 0, 1)')).toThrow('must be a buffer')
})

describe('expressions', () => {
  test.each([
    ['1 + 2 * 3', '7'],
    ['(1 + 2) * 3', '9'],
    ['-2 + 3', '1'],
    ['10 % 4', '2'],
    ['1 < 2 && !(3 >= 4)', 'true'],
    ['"a" == "a" ? "same" : "other"', 'same'],
    ['[1, 2, 3][1]', '2'],
    ['{ a = { b = "deep" } }.a.b', 'deep'],
    ['{ "a" : 1, b = 2 }["a"]', '1'],
    ['join(",", [for i, v in ["x", "y"]: "${i}${v}"])', '0x,1y'],
    ['join(",", [for v in ["x", "yy"]: v if strlen(v) > 1])', 'yy'],
    ['jsonencode({ for v in ["x", "y"]: v => upper(v) })', '{"x":"X","y":"Y"}'],
    ['jsonencode({ for v in ["ab", "ac"]: substr(v, 0, 1) => v... })', '{"a":["ab","ac"]}'],
    ['join(",", [{ n = 1 }, { n = 2 }][*].n)', '1,2'],
    ['join(",", [{ n = 1 }, { n = 2 }].*.n)', '1,2'],
    ['max([1, 5, 3]...)', '5'],
    ['"%{ if true }yes%{ else }no%{ endif }"', 'yes'],
    ['"%{ for x in [1, 2] }<${x}>%{ endfor }"', '<1><2>'],
    ['"$${x} %%{y}"', '${x} %{y}'],
    [String.raw`"tab\tquote\" \u00e9"`, 'tab\tquote" é'],
    ['try(nowhere.at, "else")', 'else'],
    ['can(nowhere)', 'false'],
    ['formattimestamp("YYYY-MM-DD", 86400)', '1970-01-02'],
    ['formattimestamp("X", "2020-02-01T10:11:12Z")', '1580551872'],
    ['convert("5", number) + 1', '6'],
    ['jsonencode("<&>")', String.raw`"\u003c\u0026\u003e"`],
    ['<<-END\n    a\n      b\n  END', 'a\n  b\n'],
  ])('%s', (expression, expected) => {
    expect(value(expression)).toBe(expected)
  })

  test('functions of the file, also with a rest', () => {
    const head = 'function "f" {\n  params = [a]\n  variadic_params = rest\n  result = "${a}:${join("+", rest)}"\n}'
    expect(value('f("x", "y", "z")', head)).toBe('x:y+z')
  })

  test('names are found whatever their order, and not by themselves', () => {
    expect(value('c', 'c = "${b}!"\nb = a\nvariable "a" { default = "x" }')).toBe('x!')
    expect(failure('a = b\nb = a\ntarget "default" { tags = [a] }').message).toContain('defined by itself')
  })
})

describe('what is wrong is said with its line', () => {
  test.each([
    ['target "t" {\n  tags = [\n}', 3, 'expected'],
    ['target "t" {\n  tags = "x"\n}', 2, 'tags must be a list'],
    ['target "t" {\n  tags = ["x"]\n  tags = ["y"]\n}', 3, 'tags is set twice'],
    ['target "t" { tags = ["x"]\n}', 1, 'a block on one line'],
    ['target "t" {\n tags = ["x"] }', 2, 'end of the line'],
    ['function "f" {\n  params = []\n  result = 1\n  doc = "x"\n}', 4, 'nothing else'],
    ['variable "V" {\n  type = list\n}', 2, 'this is no type'],
    ['target "t" {\n  args = { A = nope }\n}', 2, 'no variable named "nope"'],
    ['target "t" {\n  args = { A = nope() }\n}', 2, 'no function named "nope"'],
    ['target "t" {\n  args = { A = upper() }\n}', 2, 'takes 1'],
    ['target "t t" {\n}', 1, 'invalid name'],
    [
      'variable "V" {\n  default = 1\n  validation {\n    condition = V > 1\n    error_message = "too small"\n  }\n}',
      3,
      'too small',
    ],
    ['target "t" {\n  matrix = { a = [1] }\n}', 2, 'needs a name'],
    ['x = "open', 1, 'no end'],
    ['x = <<EOT\nopen', 1, 'no end'],
    ['x = 1 2', 1, 'end of the line'],
  ])('%j', (text, line, message) => {
    const error = failure(text)
    expect(error.location?.line).toBe(line)
    expect(error.message).toContain(message)
  })

  test('what means nothing is passed over, with a warning', () => {
    const said: string[] = []
    const file = `target "t" {
  matrix = { x = [1, 2] }
  name = "t-\${x}"
  tag = ["x"]
  labels {
    a = 1
  }
}
group "g" {
  targets = ["t"]
  other = nope
}
variable "V" {
  default = "v"
  doc = "x"
  more {}
}
targets "t" {}
target "u" { tags = [V] }`
    const found = read(file, { warn: (message) => void said.push(message) })
    expect([...found.targets]).toEqual([
      ['t-1', {}],
      ['t-2', {}],
      ['u', { tags: ['v'] }],
    ])
    expect(said.toSorted()).toEqual([
      'bake.hcl:11: a group has no "other", which is ignored: targets, description',
      'bake.hcl:15: a variable has no "doc", which is ignored: default, type, description',
      'bake.hcl:16: a variable has no block "more", which is ignored: validation',
      'bake.hcl:18: there is no block "targets", which is ignored: target, group, variable, function',
      'bake.hcl:4: a target has no "tag", which is ignored: did you mean tags?',
      'bake.hcl:5: a target has no block "labels", which is ignored: write labels = …',
    ])
    const reads = failure('target "default" {\n  x = 1\n  tags = [target.default.x]\n}')
    expect([reads.message, reads.location?.line]).toEqual(['the object has no "x"', 3])
  })

  test('in JSON too', () => {
    const error = failure('{"target": {\n "t": {"args":\n {"A": "${nope}"}}}}', 'bake.json')
    expect(error.location?.line).toBe(3)
    expect(failure('{"target"', 'bake.json').message).toContain('bake.json is not JSON')
  })

  test('groups and targets that go round', () => {
    expect(failure('group "default" { targets = ["b"] }\ngroup "b" { targets = ["default"] }').message).toContain('→')
    const inherits = 'target "default" { inherits = ["b"] }\ntarget "b" { inherits = ["default"] }'
    expect(failure(inherits).message).toContain('default → b → default')
    const reads =
      'target "default" { contexts = { x = "target:b" } }\ntarget "b" { contexts = { x = "target:default" } }'
    expect(failure(reads).message).toContain('default → b → default')
    expect(failure('target "other" {}').message).toContain('failed to find target default')
  })
})

describe('targets', () => {
  test('inherit, later ones over earlier ones', () => {
    const file = `
      target "a" {
        args = { X = 1, Y = 1 }
        tags = ["a"]
        annotations = ["k=a"]
      }
      target "b" { args = { X = 2 } }
      target "default" {
        inherits = ["a", "b"]
        args = { Y = null }
        annotations = ["k=d"]
      }`
    expect(targets(file)).toEqual({
      default: {
        args: { X: '2', Y: '1' },
        tags: ['a'],
        annotations: ['k=a', 'k=d'],
        context: '.',
        dockerfile: 'Dockerfile',
      },
    })
  })

  test('what others read comes first and is put out nowhere', () => {
    const found = targets('target "default" { contexts = { base = "target:b" } }\ntarget "b" { tags = ["b"] }')
    expect(Object.keys(found)).toEqual(['b', 'default'])
    expect(found['b']?.output).toEqual([{ type: 'cacheonly' }])
  })

  test('a matrix makes one for each combination', () => {
    const file = 'target "m" {\n name = "m-${a}-${b.n}"\n matrix = { a = ["x", "y"], b = [{ n = 1 }] }\n target = a\n}'
    expect(Object.keys(targets(file, ['m']))).toEqual(['m-x-1', 'm-y-1'])
  })

  test('overrides', () => {
    const file = 'target "default" {\n tags = ["a"]\n args = { A = 1 }\n secret = ["id=s,src=x"]\n}'
    const set = [
      '*.args.A=2',
      'default.args.OWN',
      'default.tags+=b',
      'default.platform=linux/arm64',
      'd*.no-cache=true',
    ]
    expect(targets(file, [], [...set, 'default.secret.s=env=E', 'default.output=out'])['default']).toMatchObject({
      args: { A: '2', OWN: 'own' },
      tags: ['a', 'b'],
      platforms: ['linux/arm64'],
      'no-cache': true,
      secret: [{ id: 's', env: 'E' }],
      output: [{ type: 'local', dest: 'out' }],
    })
    expect(() => targets(file, [], ['none.tags=x'])).toThrow('could not find any target')
    expect(() => targets(file, [], ['default.color=x'])).toThrow('unknown key "color"')
  })

  test('patterns and groups as what is wanted', () => {
    const file = 'group "g" { targets = ["a", "b"] }\ntarget "a" {}\ntarget "b" {}\ntarget "ab" {}'
    expect(Object.keys(targets(file, ['a*']))).toEqual(['a', 'ab'])
    expect(Object.keys(targets(file, ['g', 'a']))).toEqual(['a', 'b'])
  })
})

describe('variables', () => {
  const given = (values: Record<string, string>): BakeOptions => ({ variable: (name) => values[name] })
  const file = `
    variable "S" { default = "s" }
    variable "N" { default = 1 }
    variable "L" {
      type = list(string)
      default = ["a"]
    }
    target "t" { args = { V = "\${S} \${N + 1} \${join("+", L)}" } }`

  test('are the caller’s before they are the file’s', () => {
    const arg = (values: Record<string, string>): unknown => read(file, given(values)).targets.get('t')?.args?.['V']
    expect(arg({})).toBe('s 2 a')
    expect(arg({ S: 'x', N: '5', L: 'b,"c,d"' })).toBe('x 6 b+c,d')
    expect(arg({ L_JSON: '["j"]' })).toBe('s 2 j')
    expect(() => arg({ N: 'many' })).toThrow('given for N')
  })

  test('are listed', () => {
    expect(read(file).variables).toEqual([
      { name: 'S', value: 's', description: undefined, type: undefined },
      { name: 'N', value: '1', description: undefined, type: undefined },
      { name: 'L', value: '["a"]', description: undefined, type: 'list of string' },
    ])
  })
})

test('several files are one, later ones over earlier ones', () => {
  const found = readBakeDefinitions([
    { name: 'a.hcl', text: 'variable "V" { default = "a" }\ntarget "t" {\n tags = ["x:${V}"]\n args = { A = 1 }\n}' },
    { name: 'b.json', text: '{"V": "b", "target": {"t": {"args": {"B": "2"}}}}' },
  ])
  expect(found.targets.get('t')).toEqual({ tags: ['x:b'], args: { A: '1', B: '2' } })
})

test('what is printed can be read again', () => {
  const plan = planTargets(read('target "default" { args = { A = "$${x}" } }'), [])
  const again = readBakeDefinitions([{ name: 'p.json', text: JSON.stringify(printed(plan)) }])
  expect(again.targets.get('default')?.args).toEqual({ A: '${x}' })
})

test('no text makes the reader do anything but read or say where it is wrong', () => {
  const words = fc.constantFrom(
    'target "t" {',
    '}',
    '{',
    '[',
    ']',
    '(',
    ')',
    '"',
    '${',
    '%{',
    '~',
    '<<E\n',
    'E\n',
    '=',
    ',',
    ':',
    '?',
    'for',
    'in',
    'x',
    '1',
    '.',
    '*',
    '...',
    'if',
    '\n',
    ' ',
    '-',
    '!',
    '==',
    '=>',
    'a = ',
    '\\',
    'range(9)',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(words, { maxLength: 40 }).map((all) => all.join('')),
      ),
      fc.boolean(),
      (text, json) => {
        try {
          read(text, {}, json ? 'f.json' : 'f.hcl')
        } catch (error) {
          if (!(error instanceof CairnError)) throw error
        }
      },
    ),
    { numRuns: 3000 },
  )
})
