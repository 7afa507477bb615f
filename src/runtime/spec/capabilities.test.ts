import { describe, expect, test } from 'bun:test'
import { CAPABILITIES, capabilitiesFromMask, capabilitiesOf, DEFAULT_CAPABILITIES } from './capabilities.ts'

const all = CAPABILITIES
const without = (...names: readonly string[]): string[] => DEFAULT_CAPABILITIES.filter((name) => !names.includes(name))

describe('as Docker counts', () => {
  test.each([
    ['nothing asked', {}, [...DEFAULT_CAPABILITIES]],
    ['one dropped', { drop: ['CHOWN'] }, without('CAP_CHOWN')],
    ['any spelling', { drop: ['cap_chown', 'Kill'] }, without('CAP_CHOWN', 'CAP_KILL')],
    ['one added', { add: ['NET_ADMIN'] }, [...DEFAULT_CAPABILITIES, 'CAP_NET_ADMIN']],
    ['a default added', { add: ['CHOWN'] }, [...DEFAULT_CAPABILITIES]],
    ['dropped and added', { add: ['CHOWN'], drop: ['CHOWN'] }, [...without('CAP_CHOWN'), 'CAP_CHOWN']],
    ['all dropped', { drop: ['ALL'] }, []],
    ['all dropped but one', { drop: ['all'], add: ['NET_BIND_SERVICE'] }, ['CAP_NET_BIND_SERVICE']],
    ['all', { add: ['ALL'] }, [...all]],
    ['all but one', { add: ['ALL'], drop: ['SYS_ADMIN'] }, all.filter((name) => name !== 'CAP_SYS_ADMIN')],
    ['privileged', { privileged: true }, [...all]],
  ])('%s', (_, request, wanted) => {
    expect(capabilitiesOf(request, all)).toEqual(wanted)
  })
})

describe('where this process lacks some', () => {
  const available = all.filter((name) => name !== 'CAP_SYS_RESOURCE' && name !== 'CAP_MKNOD')
  test('defaults that it lacks are left out', () => {
    expect(capabilitiesOf({}, available)).toEqual(without('CAP_MKNOD'))
  })
  test('ALL is all that there are', () => {
    expect(capabilitiesOf({ add: ['ALL'] }, available)).toEqual(available)
  })
  test('one by name is refused', () => {
    expect(() => capabilitiesOf({ add: ['SYS_RESOURCE'] }, available)).toThrow('cannot add CAP_SYS_RESOURCE')
  })
})

test.each([[{ add: ['SUPER'] }], [{ drop: ['CAP_SUPER'] }], [{ add: [''] }]])('unknown: %j', (request) => {
  expect(() => capabilitiesOf(request, all)).toThrow('unknown capability')
})

test('a mask of /proc/PID/status', () => {
  expect(capabilitiesFromMask('00000000a80425fb\n').toSorted()).toEqual([...DEFAULT_CAPABILITIES].sort())
  expect(capabilitiesFromMask('000001ffffffffff')).toEqual([...all])
  expect(capabilitiesFromMask('0')).toEqual([])
})
