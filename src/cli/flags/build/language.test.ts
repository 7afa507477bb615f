import { afterEach, expect, test } from 'bun:test'
import { languageRequest } from './language.ts'

const before = process.env['SOURCE_DATE_EPOCH']

afterEach(() => {
  if (before === undefined) delete process.env['SOURCE_DATE_EPOCH']
  else process.env['SOURCE_DATE_EPOCH'] = before
})

test("the caller's SOURCE_DATE_EPOCH counts where none is given", () => {
  process.env['SOURCE_DATE_EPOCH'] = '77'
  expect(languageRequest({}).buildArgs).toEqual({ SOURCE_DATE_EPOCH: '77' })
  expect(languageRequest({ 'build-arg': ['SOURCE_DATE_EPOCH=5', 'A=b'] }).buildArgs).toEqual({
    SOURCE_DATE_EPOCH: '5',
    A: 'b',
  })
  process.env['SOURCE_DATE_EPOCH'] = ''
  expect(languageRequest({}).buildArgs).toEqual({})
})
