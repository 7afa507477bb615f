import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { CairnError } from '#base'
import { evaluate } from './evaluate.ts'
import { parseTemplate } from './parse.ts'

const data = {
  Name: 'web',
  Count: 3,
  Zero: 0,
  Empty: '',
  Labels: { b: '2', a: '1' },
  Tags: ['x', 'y'],
  Label: (name: string) => `<${name}>`,
  Nested: { Ports: { '80/tcp': [{ HostPort: '8080' }] }, Flag: true },
}
const show = (template: string): string => evaluate(parseTemplate(template), data)

describe('templates', () => {
  const cases: readonly (readonly [template: string, text: string])[] = [
    ['plain {{.Name}}!', 'plain web!'],
    ['{{ .Nested.Flag }}', 'true'],
    ['{{.Tags}} {{.Labels}}', '[x y] map[a:1 b:2]'],
    ['{{json .Tags}}', '["x","y"]'],
    ['{{.Tags | json}}', '["x","y"]'],
    ['{{join .Tags ", "}}', 'x, y'],
    ['{{upper .Name}} {{lower "ABC"}} {{title "one two"}}', 'WEB abc One Two'],
    ['{{truncate .Name 2}} {{printf "%s-%d|%5s|%-5s|" .Name .Count "a" "b"}}', 'we web-3|    a|b    |'],
    ['{{if .Empty}}a{{else if .Zero}}b{{else}}c{{end}}', 'c'],
    ['{{if and .Name .Count}}yes{{end}}{{if or .Zero .Empty}}no{{end}}', 'yes'],
    ['{{if eq .Count 3}}three{{end}}{{if ne .Name "web"}}other{{end}}{{if gt .Count 2}}more{{end}}', 'threemore'],
    ['{{range .Tags}}<{{.}}>{{end}}', '<x><y>'],
    ['{{range $i, $t := .Tags}}{{$i}}={{$t}} {{end}}', '0=x 1=y '],
    ['{{range $k, $v := .Labels}}{{$k}}:{{$v}};{{end}}', 'a:1;b:2;'],
    ['{{range .Nothing}}{{else}}none{{end}}', 'none'],
    ['{{with .Nested}}{{.Flag}}{{end}}', 'true'],
    ['{{(index (index .Nested.Ports "80/tcp") 0).HostPort}}', '8080'],
    ['{{len .Tags}} {{index .Labels "a"}}', '2 1'],
    ['{{$x := .Name}}{{$x}}{{$.Name}}', 'webweb'],
    ['a {{- .Name -}} b', 'awebb'],
    ['{{/* a comment */}}{{"}}"}}{{`raw\\n`}}', '}}raw\\n'],
    ['{{println "a" "b"}}', 'a b\n'],
    ['{{.Label "a.b"}}{{(.Label .Name) | upper}}', '<a.b><WEB>'],
  ]
  for (const [template, text] of cases)
    test(template, () => {
      const value = template.includes('.Nothing') ? { ...data, Nothing: [] } : data
      expect(evaluate(parseTemplate(template), value)).toBe(text)
    })

  test('mistakes are told with their place', () => {
    expect(() => show('{{.Nmae}}')).toThrow('no field .Nmae')
    expect(() => show('{{.Name')).toThrow('unclosed action')
    expect(() => show('{{if .Name}}x')).toThrow('{{end}} is missing')
    expect(() => show('{{end}}')).toThrow('unexpected {{end}}')
    expect(() => show('{{frob .Name}}')).toThrow('function "frob" not defined')
    expect(() => show('{{.Name .Count}}')).toThrow("can't give argument")
    expect(() => show('{{ }}')).toThrow('missing value')
    expect(() => show('{{(.Name}}')).toThrow('unclosed parenthesis')
    expect(() => show('{{$x}}')).toThrow('undefined variable $x')
    expect(() => show('{{index .Tags 9}}')).toThrow('out of range')
    expect(() => show('{{.Name ; }}')).toThrow('unexpected ";"')
  })

  test('any text is a template or one of our own errors', () => {
    const pieces = fc.constantFrom(
      '{{',
      '}}',
      '.Name',
      '.',
      ' ',
      'if',
      'end',
      'range',
      '(',
      ')',
      '|',
      '"',
      '$x',
      ':=',
      'json',
      '-',
      'x',
      '\\',
    )
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        try {
          show(parts.join(''))
        } catch (error) {
          expect(error).toBeInstanceOf(CairnError)
        }
      }),
    )
  })
})
