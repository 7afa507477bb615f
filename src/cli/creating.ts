import type { Progress } from '#base'
import type { Container, ContainerOptions, Node } from '#engine'
import { note } from './output.ts'
import type { Transfer } from './pulling.ts'

/** Creates a container; if its image must be pulled for that, shows the pull. Costs nothing when the image is here. */
export async function creating(
  node: Node,
  options: ContainerOptions,
  quiet: boolean,
  signal: AbortSignal,
): Promise<Container> {
  let shown: Transfer | undefined
  let early: Progress[] | undefined
  let opening: Promise<void> | undefined
  const open = async (): Promise<void> => {
    const { transfer } = await import('./pulling.ts')
    shown = transfer({ quiet, done: 'Pull complete', title: 'Pulling', out: note })
    for (const record of early ?? []) shown.report(record)
  }
  const progress = (record: Progress): void => {
    if (shown) return shown.report(record)
    ;(early ??= []).push(record)
    if (!opening && !quiet && options.pull !== 'always') note(`Unable to find image '${options.image}' locally`)
    opening ??= open()
  }
  try {
    const container = await node.containers.create(options, { signal, progress })
    await opening
    shown?.end()
    return container
  } finally {
    await opening
    shown?.[Symbol.dispose]()
  }
}
