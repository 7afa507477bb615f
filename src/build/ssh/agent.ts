import type { AgentKey } from './key.ts'
import { uint32, WireReader, wireString } from './wire.ts'

// draft-ietf-sshm-ssh-agent, message numbers.
const FAILURE = 5
const REQUEST_IDENTITIES = 11
const IDENTITIES_ANSWER = 12
const SIGN_REQUEST = 13
const SIGN_RESPONSE = 14

/** Larger than any request that has its uses, bytes. */
const LIMIT = 256 * 1024

/**
 * An SSH agent that knows some keys, lists them and signs with them; adding, removing and locking fail, so a step
 * leaves it as it was. Takes the bytes of one connection as they come, and gives the answers.
 */
export function answers(keys: readonly AgentKey[]): (chunk: Uint8Array) => Buffer[] {
  let pending: Buffer = Buffer.alloc(0)
  return (chunk) => {
    pending = Buffer.concat([pending, chunk])
    const out: Buffer[] = []
    while (pending.length >= 4) {
      const length = pending.readUInt32BE(0)
      if (length > LIMIT) throw new RangeError(`an agent request of ${length} bytes`)
      if (pending.length < 4 + length) break
      out.push(wireString(answer(keys, pending.subarray(4, 4 + length))))
      pending = pending.subarray(4 + length)
    }
    return out
  }
}

function answer(keys: readonly AgentKey[], message: Uint8Array): Buffer {
  const reader = new WireReader(message)
  const kind = reader.byte()
  if (kind === REQUEST_IDENTITIES) {
    const listed = keys.flatMap(({ blob, comment }) => [wireString(blob), wireString(comment)])
    return Buffer.concat([Buffer.of(IDENTITIES_ANSWER), uint32(keys.length), ...listed])
  }
  if (kind !== SIGN_REQUEST) return Buffer.of(FAILURE)
  const blob = reader.string()
  const data = reader.string()
  const flags = reader.uint32()
  const key = keys.find((known) => known.blob.equals(blob))
  if (!key) return Buffer.of(FAILURE)
  return Buffer.concat([Buffer.of(SIGN_RESPONSE), wireString(key.sign(data, flags))])
}
