import { fail, isCode } from '#base'
import type { Parts } from '../parts.ts'
import { lockContainer } from './lock.ts'
import type { ContainerRecord } from './table.ts'

/**
 * Freezes every process of a container. What may be frozen is always recorded as paused: a SIGKILL waits for
 * a thaw, so whoever kills has to know.
 */
export async function pause(parts: Parts, ref: string): Promise<void> {
  await change(parts, ref, 'running', async ({ id, config }) => {
    const runtime = await parts.runtime(config.options.runtime)
    parts.containers.update(id, { state: 'paused' })
    try {
      await runtime.pause(id)
    } catch (error) {
      await runtime.resume(id).catch(() => undefined)
      parts.containers.update(id, { state: 'running' })
      throw error
    }
  })
}

export async function unpause(parts: Parts, ref: string): Promise<void> {
  await change(parts, ref, 'paused', async ({ id, config }) => {
    const runtime = await parts.runtime(config.options.runtime)
    try {
      await runtime.resume(id)
    } catch (error) {
      // Thawed already: whoever froze or thawed it before died half-way.
      if (!isCode(error, 'failed_precondition') || (await runtime.state(id))?.status !== 'running') throw error
    }
    parts.containers.update(id, { state: 'running' })
  })
}

async function change(
  parts: Parts,
  ref: string,
  from: 'running' | 'paused',
  work: (record: ContainerRecord) => Promise<void>,
): Promise<void> {
  const { id, name } = parts.containers.find(ref)
  using _ = await lockContainer(parts, id)
  const record = parts.containers.get(id)
  if (record?.state === from) return await work(record)
  const other = from === 'running' ? 'paused' : 'running'
  fail(
    'failed_precondition',
    `container ${name} is ${record?.state === other ? 'already ' : ''}${record?.state ?? 'gone'}, not ${from}`,
  )
}
