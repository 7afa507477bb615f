import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { fail, reasonOf, type Progress } from '#base'
import type { Container, ContainerOptions, Node } from '#engine'
import { note } from './output.ts'
import type { Transfer } from './pulling.ts'

/** The flags that decide how a container is created, not what. */
interface Flags {
  readonly quiet?: boolean
  readonly cidfile?: string
}

/** Creates a container and writes its ID to `cidfile`, which is opened first: nothing is made that could not be told of. */
export async function creating(
  node: Node,
  options: ContainerOptions,
  { quiet = false, cidfile }: Flags,
  signal: AbortSignal,
): Promise<Container> {
  if (cidfile === undefined) return createShown(node, options, quiet, signal)
  const file = openIdFile(cidfile)
  try {
    const container = await createShown(node, options, quiet, signal)
    writeSync(file, container.id)
    return container
  } catch (error) {
    rmSync(cidfile, { force: true })
    throw error
  } finally {
    closeSync(file)
  }
}

function openIdFile(path: string): number {
  try {
    return openSync(path, 'wx')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST')
      fail('already_exists', `container ID file found: ${path}`, {
        hint: 'another container may use it; remove it or give another path',
      })
    return fail('not_found', `container ID file ${path}: ${reasonOf(error)}`, { cause: error })
  }
}

/** If the image must be pulled for that, shows the pull. Costs nothing when the image is here. */
async function createShown(
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
