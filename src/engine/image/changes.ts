import { fail } from '#base'
import { parseDockerfile, planBuild } from '#build'
import type { OpenedImage } from '#image'
import type { ProcessConfig } from '#oci'

/** Docker's list of what `--change` may say. */
const CHANGES = /^\s*(CMD|ENTRYPOINT|ENV|EXPOSE|HEALTHCHECK|LABEL|ONBUILD|SHELL|STOPSIGNAL|USER|VOLUME|WORKDIR)\s/i

/** The instructions' effect on an image's configuration, or an empty one: they are read as a Dockerfile reads them. */
export async function changedConfig(changes: readonly string[], base?: OpenedImage): Promise<ProcessConfig> {
  for (const change of changes)
    if (!CHANGES.test(change) || change.includes('\n'))
      fail('invalid_argument', `${change.trim().split(/\s/)[0] ?? ''} is not a valid change command`, {
        hint: 'CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, SHELL, STOPSIGNAL, USER, VOLUME or WORKDIR',
      })
  const own = base?.config.config ?? {}
  if (changes.length === 0) return own
  const from = base ? 'FROM base' : 'FROM scratch'
  const resolveImage = (ref: string): Promise<OpenedImage> =>
    base ? Promise.resolve(base) : fail('invalid_argument', `an import has no base image: ${ref}`)
  const planned = async (lines: readonly string[]): Promise<ProcessConfig> =>
    (await planBuild(parseDockerfile([from, ...lines].join('\n'), '--change'), { resolveImage })).state.config
  const [before, after] = [await planned([]), await planned(changes)]
  // What a build adds by itself: a PATH.
  const added = new Set(before.Env?.filter((entry) => !own.Env?.includes(entry)))
  const env = (after.Env ?? []).filter((entry) => !added.has(entry))
  // ArgsEscaped tells how a build wrote its CMD; docker says nothing of it here.
  const { Env: _, ArgsEscaped: __, ...config } = after
  return { ...(env.length > 0 && { Env: env }), ...config }
}
