import { describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseOverride, planTargets, printed, readDefinitions } from '#bake'
import { goTools, run, tempDir } from '#testkit'

const cases = join(import.meta.dir, 'cases')
const [buildx] = (await goTools('github.com/docker/buildx', 'v0.38.2', ['cmd/buildx'])) ?? []

/** buildx walks the axes of a matrix in any order, so the order of what it makes says nothing. */
function sorted(json: string): object {
  const { group, target } = JSON.parse(json) as { group: Record<string, { targets: string[] }>; target: object }
  for (const { targets } of Object.values(group)) targets.sort()
  return { group, target }
}

/** Every file of `cases/`, as it is and overridden, must come to what `docker buildx bake --print` makes of it. */
describe.skipIf(buildx === undefined)('bake files as docker buildx reads them', () => {
  const sets = [
    [],
    ['*.args.EXTRA=1', '*.platform=linux/arm64,linux/amd64', '*.tags+=more:1', '*.no-cache=true'],
    ['*.output=type=oci,dest=out.tar', '*.push=true', '*.cache-to=type=inline', '*.labels.a=b', '*.pull=false'],
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
        const definitions = readDefinitions([{ name: file, text: readFileSync(join(cases, file), 'utf8') }])
        const plan = planTargets(
          definitions,
          [],
          set.flatMap((item) => parseOverride(item, () => undefined) ?? []),
        )
        expect(sorted(JSON.stringify(printed(plan)))).toEqual(sorted(stdout))
      })
})
