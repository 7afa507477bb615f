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
