import { expect, test } from 'bun:test'
import { ago, duration, size, timestamp } from './units.ts'

test('sizes as docker shows them', () => {
  expect([0, 999, 1000, 2_037_760, 123_456_789, 1.5e12].map((bytes) => size(bytes))).toEqual([
    '0B',
    '999B',
    '1kB',
    '2.04MB',
    '123MB',
    '1.5TB',
  ])
  expect(size(123_456_789, 4)).toBe('123.5MB')
})

test('spans as docker words them', () => {
  const second = 1000
  const hour = 3600 * second
  const words = [
    0,
    second,
    59 * second,
    60 * second,
    119 * second,
    120 * second,
    hour,
    3 * hour,
    47 * hour,
    49 * hour,
    15 * 24 * hour,
    70 * 24 * hour,
    800 * 24 * hour,
  ]
  expect(words.map(duration)).toEqual([
    'Less than a second',
    '1 second',
    '59 seconds',
    'About a minute',
    'About a minute',
    '2 minutes',
    'About an hour',
    '3 hours',
    '47 hours',
    '2 days',
    '2 weeks',
    '2 months',
    '2 years',
  ])
  expect(ago(undefined)).toBe('N/A')
  expect(ago(1000, 4000)).toBe('3 seconds ago')
  expect(timestamp(0)).toBe('1970-01-01 00:00:00 +0000 UTC')
})
