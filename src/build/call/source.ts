import type { Call } from '#base'
import { hostPlatform } from '#oci'
import type { PlanOptions } from '../dockerfile/plan/plan.ts'
import { openSource, type OpenedSource } from '../opencontexts.ts'
import { BuildSession } from '../session.ts'
import type { BuildHost, BuildOptions } from '../types.ts'
import type { SourceFile } from './types.ts'

/** A Dockerfile that is asked about, with its contexts open. */
export interface Asked {
  readonly source: SourceFile
  readonly opened: OpenedSource
  /** A plan that is never built, so what its steps would need is nobody's to allow. */
  readonly options: PlanOptions
}

/** Opens what a build would begin with, while `answer` looks at it. */
export async function ask<T>(
  host: BuildHost,
  options: BuildOptions,
  answer: (asked: Asked) => Promise<T>,
  call?: Call,
): Promise<T> {
  using session = new BuildSession(host, options)
  const opened = await openSource(host, options, session, call)
  const [platform = hostPlatform()] = options.platforms ?? []
  return await answer({
    source: { name: opened.name, text: opened.text },
    opened,
    options: {
      ...(options.target === undefined ? {} : { target: options.target }),
      ...(options.buildArgs ? { buildArgs: options.buildArgs } : {}),
      platform,
      allow: ['network.host', 'security.insecure'],
      planned: opened.planned,
      resolveImage: (ref, wanted, inner) => host.resolveImage(ref, wanted, inner),
    },
  })
}
