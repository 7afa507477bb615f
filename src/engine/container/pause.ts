import { fail } from '#base'
import type { Parts } from '../parts.ts'
import { lockContainer } from './lock.ts'

/** Freezes every process of a container. */
export async function pause(parts: Parts, ref: string): Promise<void> {
  await change(parts, ref, 'running', 'paused')
}

export async function unpause(parts: Parts, ref: string): Promise<void> {
  await change(parts, ref, 'paused', 'running')
}

async function change(parts: Parts, ref: string, from: 'running' | 'paused', to: 'running' | 'paused'): Promise<void> {
  const { id, name } = parts.containers.find(ref)
  using _ = await lockContainer(parts, id)
  const record = parts.containers.get(id)
  if (record?.state !== from)
    fail(
      'failed_precondition',
      `container ${name} is ${record?.state === to ? 'already ' : ''}${record?.state ?? 'gone'}, not ${from}`,
    )
  const runtime = await parts.runtime(record.config.options.runtime)
  await (to === 'paused' ? runtime.pause(id) : runtime.resume(id))
  parts.containers.update(id, { state: to })
}
