import { expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempDir } from '#testkit'
import { missingControllers } from './controllers.ts'

test('v2: what the root lists is there', () => {
  using dir = tempDir()
  expect(missingControllers('v2', dir.path)).toEqual(['memory', 'cpu', 'cpuset', 'pids'])
  writeFileSync(join(dir.path, 'cgroup.controllers'), 'cpuset cpu io pids\n')
  expect(missingControllers('v2', dir.path)).toEqual(['memory'])
})

test('v1: a hierarchy each', () => {
  using dir = tempDir()
  for (const name of ['memory', 'cpu', 'cpuset']) mkdirSync(join(dir.path, name))
  expect(missingControllers('v1', dir.path)).toEqual(['pids'])
  expect(missingControllers('hybrid', dir.path)).toEqual(['pids'])
})
