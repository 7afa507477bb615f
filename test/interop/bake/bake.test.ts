import { describe, expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseOverride, planTargets, printed, readDefinitions } from '#bake'
import { goTools, run, tempDir } from '#testkit'

const cases = join(import.meta.dir, 'cases')
const compose = join(import.meta.dir, 'compose')
const cairn = join(import.meta.dir, '../../../dist/cairn')
const [buildx] = (await goTools('github.com/docker/buildx', 'v0.38.2', ['cmd/buildx'])) ?? []

/** buildx walks the axes of a matrix in any order, so the order of what it makes says nothing. */
function sorted(json: string): object {
  const { group, target } = JSON.parse(json) as { group: Record<string, { targets: string[] | null }>; target: object }
  for (const one of Object.values(group)) one.targets = (one.targets ?? []).sort()
  return { group, target }
}

/** Every file of `cases/`, as it is and overridden, must come to what `docker buildx bake --print` makes of it. */
describe.skipIf(buildx === undefined)('bake files as docker buildx reads them', () => {
  const sets = [
    [],
    ['*.args.EXTRA=1', '*.platform=linux/arm64,linux/amd64', '*.tags+=more:1', '*.no-cache=true'],
    ['*.output=type=oci,dest=out.tar', '*.push=true', '*.cache-to=type=inline', '*.labels.a=b', '*.pull=false'],
    [
      '*.tag=x:1',
      '*.tags=x:2',
      '*.arg.B=2',
      '*.label.c=d',
      '*.ulimit+=core=1:1',
      '*.extra-host.h=::1',
      '*.context=./c/',
    ],
    ['annotation', 'attest', 'cache-from', 'entitlements', 'no-cache-filter', 'platform', 'ulimits'].map(
      (key) => `*.${key}=`,
    ),
  ]
  for (const file of readdirSync(cases))
    for (const [i, set] of sets.entries())
      test(`${file} ${i}`, async () => {
        using home = tempDir()
        const args = set.flatMap((item) => ['--set', item])
        const { code, stdout, stderr } = await run([buildx!, 'bake', '--print', '-f', join(cases, file), ...args], {
          env: { HOME: home.path },
        })
        expect(code, stderr).toBe(0)
        const definitions = await readDefinitions([{ name: file, text: readFileSync(join(cases, file), 'utf8') }])
        const plan = planTargets(
          definitions,
          [],
          set.flatMap((item) => parseOverride(item, () => undefined) ?? []),
        )
        expect(sorted(JSON.stringify(printed(plan)))).toEqual(sorted(stdout))
      })
})

/** Files of `compose/`, one by one and over each other, with the same environment; `sub/` has what they name. */
describe.skipIf(buildx === undefined)('compose files as docker buildx reads them', () => {
  const environment = { SET: 's', EMPTY: '' }
  const together = [
    ['reset2.yml', 'over.yml'],
    ['extends.yml', 'basic.yml', 'anchors.yml'],
    ['full.yml', 'xbake.yml', 'hosts-map.yml'],
    ['extends.yml', '../cases/over-compose.hcl'],
    ['../cases/over-compose.hcl', 'extends.yml'],
  ]
  const alone = readdirSync(compose).filter((file) => file.endsWith('.yml') && file !== 'over.yml')
  for (const files of [...alone.map((file) => [file]), ...together])
    test(files.join(' '), async () => {
      using home = tempDir()
      const { code, stdout, stderr } = await run(
        [buildx!, 'bake', '--print', ...files.flatMap((file) => ['-f', file])],
        { cwd: compose, env: { HOME: home.path, ...environment } },
      )
      expect(code, stderr).toBe(0)
      const readFile = (path: string): string | undefined =>
        existsSync(join(compose, path)) ? readFileSync(join(compose, path), 'utf8') : undefined
      const definitions = await readDefinitions(
        files.map((name) => ({ name, text: readFile(name)! })),
        { environment: { HOME: home.path, ...environment }, readFile },
      )
      expect(sorted(JSON.stringify(printed(planTargets(definitions, []))))).toEqual(sorted(stdout))
    })
})

/** What can be asked for and set, as JSON: the same bytes. The flag itself is tested with them, so the binary is run. */
describe.skipIf(buildx === undefined || !existsSync(cairn))('what docker buildx lists', () => {
  for (const file of readdirSync(cases))
    for (const type of ['targets', 'variables'])
      test(`${type} of ${file}`, async () => {
        using home = tempDir()
        const env = { HOME: home.path }
        const words = ['bake', '-f', join(cases, file), `--list=type=${type},format=json`]
        const theirs = await run([buildx!, ...words], { env })
        const mine = await run([cairn, ...words], { env })
        expect([theirs.code, mine.code], mine.stderr).toEqual([0, 0])
        expect(mine.stdout).toBe(theirs.stdout)
      })

  test.each(['foo', 'type=targets,format=xml', 'targets,format=json', 'type=targets,foo=x', 'format=json'])(
    'refuses --list=%s',
    async (list) => {
      const words = ['bake', '-f', join(cases, readdirSync(cases)[0]!), `--list=${list}`]
      for (const tool of [buildx!, cairn]) expect((await run([tool, ...words])).code).toBe(1)
    },
  )
})
