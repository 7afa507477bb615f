import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { cairnNode, lacking, needsRoot, present, skipReason, type TestNode } from '#testkit'

const POLICY = '/sys/kernel/security/apparmor'
const skip = skipReason(
  'confinement by AppArmor',
  needsRoot(),
  lacking('crun', 'conmon', 'apparmor_parser'),
  present(`${POLICY}/profiles`) ? undefined : 'needs a kernel with AppArmor enabled, and securityfs',
)

describe.skipIf(skip)('confinement by AppArmor', () => {
  let node: TestNode
  beforeAll(async () => {
    node = await cairnNode()
  }, 60_000)
  afterAll(async () => {
    expect(node.leftovers()).toEqual([])
    await node[Symbol.asyncDispose]()
  })

  const label = ['cat', '/proc/self/attr/current']
  const run = (...args: readonly string[]): Promise<string> => node.must(['run', '--rm', '--network', 'none', ...args])

  test('a container has the default profile, a privileged one none, one that asks for another that', async () => {
    expect(await run('busybox', ...label)).toBe('cairn-default (enforce)\n')
    expect(await run('--privileged', 'busybox', ...label)).toBe('unconfined\n')
    expect(await run('--security-opt', 'apparmor=unconfined', 'busybox', ...label)).toBe('unconfined\n')
    const absent = await node.cairn(['run', '--rm', '--security-opt', 'apparmor=absent', 'busybox', 'true'])
    expect([absent.code, absent.stderr]).toEqual([125, expect.stringContaining('profile "absent" is not loaded')])
  })

  test('what joins it has it, too; inspect names it', async () => {
    await node.must(['run', '-d', '--name', 'confined', '--network', 'none', 'busybox', 'sleep', '1000'])
    expect(await node.must(['exec', 'confined', ...label])).toBe('cairn-default (enforce)\n')
    expect(await node.must(['exec', '-t', 'confined', ...label])).toBe('cairn-default (enforce)\r\n')
    expect(await node.must(['inspect', '-f', '{{.AppArmorProfile}}', 'confined'])).toBe('cairn-default\n')
    await node.must(['stop', '-t', '0', 'confined'])
    await node.must(['rm', 'confined'])
  })

  test('mounting is refused even to those with the capability', async () => {
    const mount = ['--cap-add', 'SYS_ADMIN', 'busybox', 'mount', '-t', 'tmpfs', 'none', '/tmp']
    const refused = await node.cairn(['run', '--rm', '--network', 'none', ...mount])
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toContain('Permission denied')
    await run('--security-opt', 'apparmor=unconfined', ...mount)
  })

  test.each([
    ['/proc/sys/vm/swappiness', false],
    ['/proc/sys/kernel/core_pattern', false],
    ['/proc/sys/kernel/sysrq', false],
    ['/proc/sys/kernel/shmmni', true],
    ['/proc/sys/kernel/sem', true],
    ['/proc/sysrq-trigger', false],
    ['/proc/irq/default_smp_affinity', false],
    ['/proc/self/oom_score_adj', true],
    ['/sys/kernel/mm/ksm/run', false],
  ])('with nothing masked or read-only, %s may be opened to write: %p', async (path, may) => {
    const options = ['run', '--rm', '--network', 'none', '--security-opt', 'systempaths=unconfined', '-v', '/sys:/sys']
    const open = async (...more: readonly string[]): Promise<boolean> =>
      (await node.cairn([...options, ...more, 'busybox', 'sh', '-c', `: >> ${path}`])).code === 0
    expect([await open(), await open('--security-opt', 'apparmor=unconfined')]).toEqual([may, true])
  })

  test('a profile that is removed is loaded again by whoever starts first', async () => {
    writeFileSync(`${POLICY}/.remove`, 'cairn-default')
    expect(readFileSync(`${POLICY}/profiles`, 'utf8')).not.toContain('cairn-default')
    const labels = await Promise.all([1, 2, 3].map(() => run('busybox', ...label)))
    expect(new Set(labels)).toEqual(new Set(['cairn-default (enforce)\n']))
  })

  test('the steps of a build are confined', async () => {
    const build = ['build', '--no-cache', '--progress', 'plain', '--allow', 'security.insecure', '-']
    const stdin = 'FROM busybox\nRUN cat /proc/self/attr/current\nRUN --security=insecure cat /proc/self/attr/current\n'
    const { code, stderr } = await node.cairn(build, { stdin })
    expect(code, stderr).toBe(0)
    expect(stderr).toMatch(/cairn-default \(enforce\)[^]*unconfined/)
  })
})
