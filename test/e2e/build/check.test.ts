import { expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cairnNode, needsRoot, setUp, skipReason, tempDir, type TempDir, type TestNode } from '#testkit'

// Checks and questions on the command line: what is printed where, and with which exit code.

const skip = skipReason('checks on the command line', needsRoot())
let dir: TempDir
let node: TestNode

setUp(skip, async (use) => {
  dir = use(tempDir())
  node = use(await cairnNode())
})
/** A context with this Dockerfile. */
function context(name: string, dockerfile: string): string {
  const path = join(dir.path, name)
  mkdirSync(path)
  writeFileSync(join(path, 'Dockerfile'), dockerfile)
  return path
}

test.skipIf(skip)('--check: 0 without findings, 1 with some or with an error', async () => {
  const fine = await node.cairn(['build', '--check', context('fine', 'FROM busybox\n')])
  expect(fine).toEqual({ code: 0, stdout: 'Check complete, no warnings found.\n', stderr: '' })
  const warned = context('warned', 'FROM busybox as x\n')
  expect(await node.cairn(['build', '--check', warned])).toMatchObject({ code: 1, stderr: '' })
  expect((await node.cairn(['build', '--call=check,ignorestatus=true', warned])).code).toBe(0)
  const wrong = await node.cairn(['build', '--check', context('wrong', 'FROM busybox\nCOPPY a b\n')])
  expect(wrong.code).toBe(1)
  expect(wrong.stdout).toContain('ERROR: unknown instruction: COPPY (did you mean COPY?)\nDockerfile:2\n')
})

test.skipIf(skip)(
  'a build tells its findings at the end, each with its lines, and is refused where they are errors',
  async () => {
    const path = context('told', 'FROM busybox\nARG foo=1\nENV bar=$fooo\nCMD x\n')
    const built = await node.cairn(['build', '--progress', 'plain', '--network', 'none', path])
    expect(built.code).toBe(0)
    expect(built.stderr).toContain(`
2 warnings found:
 - UndefinedVar: Usage of undefined variable '$fooo' (did you mean $foo?) (line 3)
   Dockerfile:3
    1 |     FROM busybox
    2 |     ARG foo=1
    3 | >>> ENV bar=$fooo
    4 |     CMD x
 - JSONArgsRecommended:`)
    expect((await node.cairn(['build', '-q', '--network', 'none', path])).stderr).toBe('')
    const refused = await node.cairn(['build', '--build-arg', 'BUILDKIT_DOCKERFILE_CHECK=error=true', path])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain(
      'lint violation found for rules: UndefinedVar, JSONArgsRecommended\nDockerfile:3\n',
    )
  },
)

test.skipIf(skip)('a flag that cannot be read ends with 125, a Dockerfile that cannot with 1', async () => {
  expect((await node.cairn(['build', '--chekc', '.'])).code).toBe(125)
  expect((await node.cairn(['build', '--call=nonsense', context('any', 'FROM busybox\n')])).code).toBe(1)
  expect((await node.cairn(['build', context('bad', 'FROM\n')])).code).toBe(1)
})
