import { expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gitHeadTime } from './githead.ts'

const hasGit = Bun.which('git') !== null

function inRepository(work: (dir: string, git: (...args: string[]) => void) => void): void {
  const dir = mkdtempSync(join(tmpdir(), 'cairn-git-'))
  const git = (...args: string[]): void => {
    const date = '2020-05-06T07:08:09Z'
    const env = { ...process.env, GIT_COMMITTER_DATE: date, GIT_AUTHOR_DATE: '2001-01-01T00:00:00Z', HOME: dir }
    const identity = ['-c', 'user.name=a', '-c', 'user.email=a@b', '-c', 'init.defaultBranch=main']
    expect(spawnSync('git', [...identity, ...args], { cwd: dir, env }).status).toBe(0)
  }
  try {
    git('init', '-q')
    work(dir, git)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

const TIME = Date.parse('2020-05-06T07:08:09Z') / 1000

test.skipIf(!hasGit)('needs git: the commit time of HEAD, loose, packed, deltified, detached, in a work tree', () => {
  inRepository((dir, git) => {
    expect(gitHeadTime(dir)).toBeUndefined()
    for (let i = 0; i < 20; i++) git('commit', '-q', '--allow-empty', '-m', `${'long message '.repeat(50)}${i}`)
    mkdirSync(join(dir, 'sub'))
    expect(gitHeadTime(join(dir, 'sub'))).toBe(TIME)
    git('gc', '-q', '--aggressive')
    expect(gitHeadTime(dir)).toBe(TIME)
    git('checkout', '-q', '--detach', 'HEAD~3')
    expect(gitHeadTime(dir)).toBe(TIME)
    git('worktree', 'add', '-q', 'tree')
    expect(gitHeadTime(join(dir, 'tree'))).toBe(TIME)
  })
})

test('nonsense is no repository', () => {
  const dir = mkdtempSync(join(tmpdir(), 'cairn-git-'))
  try {
    writeFileSync(join(dir, '.git'), 'gitdir: /nowhere')
    expect(gitHeadTime(dir)).toBeUndefined()
    rmSync(join(dir, '.git'))
    mkdirSync(join(dir, '.git'))
    writeFileSync(join(dir, '.git/HEAD'), 'ref: ../../etc/passwd')
    expect(gitHeadTime(dir)).toBeUndefined()
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})
