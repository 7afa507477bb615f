import { join } from 'node:path'
import { openArchive, type ImageArchive } from '#content'
import { openImageArchive } from '#image'
import type { TestNode } from '#testkit'
import type { Case } from './cases.ts'
import { describeImage, saidText, type Outcome } from './outcome.ts'

/** What `cairn build` answered: a name for the image, or its words. */
export type Answer = { readonly name: string } | { readonly said: string } | { readonly error: string }

export async function buildCase(node: TestNode, test: Case, name: string, cwd: string): Promise<Answer> {
  if (test.call) {
    const { stdout, stderr, code } = await node.cairn(['build', `--call=${test.call}`, ...test.args, '.'], { cwd })
    // A check that found something ends with 1.
    return code > 1 || (code === 1 && stdout === '') ? { error: stderr } : { said: saidText(stdout) }
  }
  const args = ['build', '-q', '--network', 'none', '-t', name, ...test.args, '.']
  const { code, stderr } = await node.cairn(args, { cwd })
  return code === 0 ? { name } : { error: stderr }
}

/** Describes the images that were built, all out of one archive. */
export async function describeBuilt(node: TestNode, dir: string, answers: readonly Answer[]): Promise<Outcome[]> {
  const names = answers.flatMap((answer) => ('name' in answer ? [answer.name] : []))
  if (names.length === 0) return answers.flatMap((answer) => ('name' in answer ? [] : [answer]))
  const path = join(dir, 'built.tar')
  await node.must(['save', '-o', path, ...names])
  await using files = await openArchive({ path }, { spool: dir })
  const archive = await openImageArchive(files)
  const roots = new Map((await archive.images()).flatMap(({ root, names: all }) => all.map((name) => [name, root])))
  const outcomes: Outcome[] = []
  for (const answer of answers) outcomes.push(await outcomeOf(archive, roots, answer))
  return outcomes
}

async function outcomeOf(
  archive: ImageArchive,
  roots: ReadonlyMap<string, Parameters<typeof describeImage>[1]>,
  answer: Answer,
): Promise<Outcome> {
  if (!('name' in answer)) return answer
  const root = roots.get(`docker.io/library/${answer.name}:latest`)
  if (!root) throw new Error(`${answer.name} was built and is not in the archive`)
  return describeImage(archive, root)
}
