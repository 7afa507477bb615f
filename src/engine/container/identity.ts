import { bootId, processAlive, processStartTime } from '#sys'
import type { ContainerRecord, ProcessIdentity } from './table.ts'

/** This process, or another by number, as it is recorded. */
export function identityOf(pid: number): ProcessIdentity {
  return { pid, start: processStartTime(pid) ?? 0 }
}

export function processLives(identity: ProcessIdentity | undefined): boolean {
  return identity !== undefined && processAlive(identity.pid, identity.start)
}

/** Recorded in an earlier boot: none of its processes can be alive, whatever their numbers say. */
export function fromEarlierBoot(record: ContainerRecord): boolean {
  return record.boot !== undefined && record.boot !== bootId()
}

/** A monitor that takes longer to leave than this is waited for no more, milliseconds. */
const FAREWELL = 5000

/**
 * Resolves when a container's monitor has left. It outlives the container by the time that its exit
 * command and its mounts take: until then it is seen in process lists, and two roots over one upper
 * directory must not be.
 */
export async function monitorGone({ monitor }: ContainerRecord): Promise<void> {
  if (monitor?.pid === process.pid) return
  const deadline = Date.now() + FAREWELL
  for (let pause = 1; processLives(monitor) && Date.now() < deadline; pause = Math.min(pause * 2, 20))
    await Bun.sleep(pause)
}
