import { expect, test } from 'bun:test'
import { Glob } from 'bun'
import { cp, mkdir, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { openRepository } from '#registry/client'
import { lacking, must, sampleImage, setUp, skipReason, tempDir, type TempDir } from '#testkit'
import { startRegistry } from './registry/server.ts'

// What another project gets when it installs the package: the files that package.json lists, imported
// by their public names in Node and Bun, with types that resolve in each way TypeScript has.

const root = join(import.meta.dir, '..')
const modules = join(root, 'node_modules')
const skip = skipReason('the package in another project', lacking('node'))

let project: TempDir
setUp(skip, async (use) => {
  project = use(tempDir())
  await install(project.path)
})

/** As `npm install` would, without a registry and without the binary, which takes npm 20 s to compress. */
async function install(path: string): Promise<void> {
  const { files, dependencies } = await Bun.file(join(root, 'package.json')).json()
  const left = (files as readonly string[])
    .filter((glob) => glob.startsWith('!'))
    .map((glob) => new Glob(glob.slice(1)))
  for (const glob of ['package.json', ...files].filter((glob) => !glob.startsWith('!')))
    for await (const file of new Glob(glob).scan(root))
      if (!left.some((out) => out.match(file))) await cp(join(root, file), join(path, 'node_modules/cairn', file))
  for (const name of [...Object.keys(dependencies), '@types/bun', '@types/node', 'bun-types', 'undici-types']) {
    const at = join(path, 'node_modules', name)
    await mkdir(dirname(at), { recursive: true })
    await symlink(join(modules, name), at)
  }
  await Bun.write(join(path, 'package.json'), JSON.stringify({ type: 'module' }))
}

const program = `
import { CairnError, fail } from 'cairn/base'
import { gzip } from 'cairn/codec'
import { copyGraph, openLayout } from 'cairn/content'
import { openImage } from 'cairn/image'
import { parseReference } from 'cairn/oci'
import { openRepository } from 'cairn/registry/client'
import { catalogPackages } from 'cairn/trust'

const said = [fail, gzip, copyGraph, openLayout, openImage, openRepository, catalogPackages].map((verb) => typeof verb)
try {
  parseReference('')
} catch (error) {
  // One copy of each room, whichever name it was reached by.
  console.log(new Set(said).size, error instanceof CairnError && error.code)
}
`

for (const runtime of ['node', process.execPath]) {
  const named = runtime === 'node' ? 'Node' : 'Bun'

  test.skipIf(skip)(`its rooms work together in ${named}`, async () => {
    await Bun.write(join(project.path, 'program.mjs'), program)
    expect(await must([runtime, 'program.mjs'], { cwd: project.path })).toBe('1 invalid_argument\n')
  })

  test.skipIf(skip)(`the README's program runs in ${named}`, async () => {
    await using registry = await startRegistry()
    const repository = openRepository(`${registry.host}/library/debian`)
    await repository.tag(await sampleImage(repository), '12')
    const text = (await examples())[0]!.replace('docker.io/', `${registry.host}/`)
    await Bun.write(join(project.path, 'readme.mjs'), text)
    using dir = tempDir()
    expect(await must([runtime, join(project.path, 'readme.mjs')], { cwd: dir.path })).toBe('ID=sample\n\n')
  })
}

/** The README's blocks of TypeScript. */
async function examples(): Promise<readonly string[]> {
  const readme = await Bun.file(join(root, 'README.md')).text()
  return [...readme.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, example]) => example!)
}

for (const [resolution, module] of [
  ['node16', 'node16'],
  ['nodenext', 'nodenext'],
  ['bundler', 'preserve'],
] as const) {
  const check = (files: readonly string[], ...flags: readonly string[]): Promise<string> => {
    const options = ['--module', module, '--moduleResolution', resolution, '--target', 'esnext', '--strict', '--noEmit']
    return must([join(modules, '.bin/tsc'), ...options, ...flags, ...files], { cwd: project.path })
  }

  test.skipIf(skip)(`its types resolve with moduleResolution ${resolution}`, async () => {
    await Bun.write(join(project.path, 'program.mts'), program.replace('console', '(globalThis as any).console'))
    await check(['program.mts'], '--types', '')
  })

  test.skipIf(skip)(`the README's TypeScript compiles with moduleResolution ${resolution}`, async () => {
    const texts = await examples()
    expect(texts.length).toBeGreaterThan(1)
    const files = texts.map((_, i) => `example${i}.mts`)
    for (const [i, file] of files.entries()) await Bun.write(join(project.path, file), texts[i]!)
    // Bun's own declarations do not pass.
    await check(files, '--types', 'bun', '--skipLibCheck')
  })
}
