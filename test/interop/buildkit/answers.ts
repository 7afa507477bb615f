import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Descriptor } from '#oci'
import type { Case } from './cases.ts'
import { isRefused, type Outcome } from './outcome.ts'

/** Raise it when {@link Outcome} or how a peer is asked changes. */
const FORM = 1

/** What a peer makes of a case is the same every time: it is asked once per machine, version and base images. */
export interface Answers {
  has(test: Case): boolean
  get(test: Case, ask: () => Promise<Outcome>): Promise<Outcome>
}

/** Who was asked. */
export interface Peer {
  readonly name: 'buildkit' | 'buildah'
  readonly version: string
}

export function openAnswers(peer: Peer, bases: ReadonlyMap<string, Descriptor>): Answers {
  const cache = join(process.env.CAIRN_FIXTURES ?? join(tmpdir(), 'cairn-fixtures'), `${peer.name}-answers`)
  mkdirSync(cache, { recursive: true })
  const digests = [...bases.values()].map(({ digest }) => digest)
  const pathOf = ({ dockerfile, args, files, call }: Case): string => {
    const question = JSON.stringify([FORM, peer.version, digests, dockerfile, args, files, ...(call ? [call] : [])])
    return join(cache, `${createHash('sha256').update(question).digest('hex').slice(0, 32)}.json`)
  }
  return {
    has: (test) => existsSync(pathOf(test)),
    async get(test, ask) {
      const path = pathOf(test)
      if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8')) as Outcome
      const answer = await ask()
      // A refusal that nobody expects may be the machine's fault.
      if (isRefused(answer) !== test.buildkitFails) return answer
      writeFileSync(`${path}.${process.pid}`, JSON.stringify(answer))
      renameSync(`${path}.${process.pid}`, path)
      return answer
    },
  }
}
