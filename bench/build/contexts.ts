import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A directory with a Dockerfile of these lines. */
export function makeContext(dir: string, name: string, lines: readonly string[]): string {
  const context = join(dir, name)
  mkdirSync(context, { recursive: true })
  writeFileSync(join(context, 'Dockerfile'), `${lines.join('\n')}\n`)
  return context
}

/** Stages of `RUN` steps one after the other, and a last one that takes something of each: the first's own, copies of the others. */
export function chains(names: readonly string[], steps: number): string[] {
  const numbers = Array.from({ length: steps }, (_, i) => i + 1)
  const chain = (name: string): string[] => [
    `FROM debian:12 AS ${name}`,
    ...numbers.map((n) => `RUN echo ${name}${n} > /${name}${n}`),
  ]
  const [first = '', ...others] = names
  return [...names.flatMap(chain), `FROM ${first}`, ...others.map((name) => `COPY --from=${name} /${name}${steps} /`)]
}

const FILES_PER_DIRECTORY = 100

/** Small source files, 4 KB on the average, a hundred to a directory. */
export function fillSources(context: string, files: number): void {
  for (let n = 0; n < files; n++) {
    const directory = join(context, 'src', `module${Math.floor(n / FILES_PER_DIRECTORY)}`)
    if (n % FILES_PER_DIRECTORY === 0) mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, `file${n}.js`), `export const value${n} = ${n}\n`.repeat(1 + ((n * 7) % 270)))
  }
}

let edits = 0

/** A change that no build before has seen. */
export function editOne(context: string): void {
  appendFileSync(join(context, 'src/module0/file7.js'), `// edit ${++edits}\n`)
}
