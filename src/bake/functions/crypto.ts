import { constants, createPrivateKey, privateDecrypt, type KeyObject } from 'node:crypto'
import type { HclFunction } from '../hcl/evaluate.ts'
import { define, number, optional, text } from './arguments.ts'

/** Every step doubles the time; this one takes seconds. */
const DEAREST = 16
/** bcrypt hashes no more bytes than these. */
const LONGEST = 72

export const crypto: Readonly<Record<string, HclFunction>> = {
  bcrypt: optional(1, [text, number], (password = '', cost = 10) => {
    if (Buffer.byteLength(password) > LONGEST) throw new Error(`the password is longer than ${LONGEST} bytes`)
    if (!Number.isInteger(cost) || cost > DEAREST) throw new Error(`the cost must be a whole number up to ${DEAREST}`)
    const hash = Bun.password.hashSync(password, { algorithm: 'bcrypt', cost: cost < 4 ? 10 : cost })
    // Of so few bytes, both versions have one hash, and readers of the older one are many.
    return hash.replace(/^\$2b\$/, '$2a$')
  }),
  rsadecrypt: define([text, text], (ciphertext, pem) => {
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(ciphertext) || ciphertext.length % 4 !== 0)
      throw new Error('the ciphertext is not base64')
    const key = keyOf(pem)
    let padded: Buffer
    try {
      padded = privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, Buffer.from(ciphertext, 'base64'))
    } catch {
      throw new Error('the ciphertext is not of this key')
    }
    return unpadded(padded).toString()
  }),
}

/** Only PKCS #1, and never with a password. */
function keyOf(pem: string): KeyObject {
  if (!pem.includes('-----BEGIN RSA PRIVATE KEY-----')) throw new Error('no key found: -----BEGIN RSA PRIVATE KEY-----')
  try {
    return createPrivateKey(pem)
  } catch {
    throw new Error('the key cannot be read; one with a password must be decrypted first')
  }
}

/**
 * What follows 0, 2, eight or more bytes that are not 0, and 0 (RFC 8017, section 7.2.2). The runtime does not do this
 * any more, since whoever can ask often enough learns from the failures; here only the key's owner asks.
 */
function unpadded(block: Buffer): Buffer {
  const end = block.indexOf(0, 2)
  if (block[0] !== 0 || block[1] !== 2 || end < 10) throw new Error('the ciphertext is not of this key')
  return block.subarray(end + 1)
}
