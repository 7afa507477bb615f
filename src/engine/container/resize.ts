import type { Parts } from '../parts.ts'

/** Tells a container's terminal its size. */
export async function resize(parts: Parts, ref: string, rows: number, columns: number): Promise<void> {
  const { id, config } = parts.containers.find(ref)
  const monitor = await parts.monitor(await parts.runtime(config.options.runtime))
  monitor.resize(parts.paths.running(id), rows, columns)
}
