import { describe, expect, test } from 'bun:test'
import type { BuildOutline, CheckReport, TargetList } from '#engine'
import { parseCall } from './call.ts'
import { checkJson, checkText } from './check.ts'
import { outlineJson } from './outline.ts'
import { targetsJson } from './targets.ts'

describe('--call', () => {
  test('its names and fields', () => {
    expect(parseCall(undefined, undefined)).toBeUndefined()
    expect(parseCall('build', undefined)).toBeUndefined()
    expect(parseCall(undefined, true)).toEqual({ name: 'check', json: false, ignoreStatus: false })
    expect(parseCall('lint,format=json', undefined)).toEqual({ name: 'check', json: true, ignoreStatus: false })
    expect(parseCall('format=json,outline,ignorestatus=true', undefined)).toEqual({
      name: 'outline',
      json: true,
      ignoreStatus: true,
    })
  })
  for (const [text, message] of [
    ['outlin', 'no such call: "outlin"'],
    ['check,format=xml', 'invalid field "format=xml"'],
    ['check,outline', 'invalid field "outline"'],
    ['check,frob=1', 'invalid field "frob=1"'],
  ] as const)
    test(`${text} is refused`, () => expect(() => parseCall(text, undefined)).toThrow(message))
})

const source = { name: 'Dockerfile', text: 'FROM a as b\n' }
const location = {
  file: 'Dockerfile',
  line: 1,
  endLine: 1,
  excerpt: 'FROM a as b',
  around: { before: [], after: [''] },
}

describe('a check', () => {
  const report: CheckReport = {
    source,
    findings: [
      { rule: 'FromAsCasing', description: 'What it is', url: 'https://x/', detail: 'What is wrong', location },
    ],
  }
  test('in text: the lines in a frame, and an error behind the findings', () => {
    expect(checkText({ ...report, error: { message: 'unknown', location } }))
      .toBe(`Check complete, 1 warning has been found!

WARNING: FromAsCasing - https://x/
What is wrong
Dockerfile:1
--------------------
   1 | >>> FROM a as b
   2 |${'     '}
--------------------

ERROR: unknown
Dockerfile:1
--------------------
   1 | >>> FROM a as b
   2 |${'     '}
--------------------
`)
    expect(checkText({ source, findings: [] })).toBe('Check complete, no warnings found.\n')
  })
  test("in JSON: buildx's members", () => {
    const ranges = { ranges: [{ start: { line: 1 }, end: { line: 1 } }] }
    expect(JSON.parse(checkJson({ ...report, error: { message: 'unknown', location } }))).toEqual({
      warnings: [
        {
          ruleName: 'FromAsCasing',
          description: 'What it is',
          url: 'https://x/',
          detail: 'What is wrong',
          location: ranges,
        },
      ],
      sources: [{ filename: 'Dockerfile', language: 'Dockerfile', data: 'RlJPTSBhIGFzIGIK' }],
      buildError: { message: 'unknown', location: ranges },
    })
  })
})

test('outline and targets in JSON leave out what is not there', () => {
  const outline: BuildOutline = { source, args: [{ name: 'A', value: '', location }], secrets: [], ssh: [] }
  const ranges = { ranges: [{ start: { line: 1 }, end: { line: 1 } }] }
  expect(JSON.parse(outlineJson(outline))).toEqual({
    args: [{ name: 'A', location: ranges }],
    sources: ['RlJPTSBhIGFzIGIK'],
  })
  const targets: TargetList = { source, targets: [{ name: 'b', isDefault: true, base: 'a', location }] }
  expect(JSON.parse(targetsJson(targets))).toEqual({
    targets: [{ name: 'b', default: true, base: 'a', location: ranges }],
    sources: ['RlJPTSBhIGFzIGIK'],
  })
})
