import { createPrivateKey, sign, type JsonWebKey, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fail, messageOf } from '#base'
import { mpint, WireReader, wireString } from './wire.ts'

/** A private key as an agent uses it. */
export interface AgentKey {
  /** The public half, as SSH writes it (RFC 4253 §6.6). */
  readonly blob: Buffer
  readonly comment: string
  /** A signature as SSH writes it; `flags` choose RSA's hash (RFC 8332). */
  sign(data: Uint8Array, flags: number): Buffer
}

/** Reads a private key file: OpenSSH's own format or PEM; RSA, ECDSA or Ed25519; without a passphrase. */
export function readKey(path: string): AgentKey {
  try {
    const text = readFileSync(path, 'utf8')
    const body = /-----BEGIN OPENSSH PRIVATE KEY-----([^-]+)-----END/.exec(text)?.[1]
    if (body !== undefined) return openSshKey(Buffer.from(body, 'base64'), path)
    if (/ENCRYPTED/.test(text)) encrypted(path)
    const key = createPrivateKey(text)
    return agentKey(key, key.export({ format: 'jwk' }), path)
  } catch (error) {
    return fail('invalid_argument', `SSH key ${path}: ${messageOf(error)}`, {
      cause: error,
      hint: 'add the key to an agent, and use --ssh default',
    })
  }
}

function encrypted(path: string): never {
  fail('invalid_argument', `${path} has a passphrase`)
}

const MAGIC = 'openssh-key-v1\0'

/** PROTOCOL.key of OpenSSH: cipher, kdf and its options, count, public key, private part. */
function openSshKey(bytes: Buffer, path: string): AgentKey {
  if (bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) fail('invalid_argument', 'not an OpenSSH key')
  const outer = new WireReader(bytes.subarray(MAGIC.length))
  if (outer.text() !== 'none') encrypted(path)
  outer.string()
  outer.string()
  if (outer.uint32() !== 1) fail('invalid_argument', 'it does not hold exactly one key')
  outer.string()
  const inner = new WireReader(outer.string())
  if (inner.uint32() !== inner.uint32()) fail('invalid_argument', 'its check numbers differ')
  const jwk = privateJwk(inner)
  return agentKey(createPrivateKey({ key: jwk, format: 'jwk' }), jwk, inner.text() || path)
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')

function privateJwk(reader: WireReader): JsonWebKey {
  const type = reader.text()
  if (type === 'ssh-ed25519') {
    const x = reader.string()
    return { kty: 'OKP', crv: 'Ed25519', x: base64(x), d: base64(reader.string().subarray(0, 32)) }
  }
  if (type.startsWith('ecdsa-sha2-')) {
    const curve = curveOf(reader.text())
    const point = reader.string().subarray(1)
    const half = point.length / 2
    const d = unsigned(reader.string(), half)
    return {
      kty: 'EC',
      crv: curve.jwk,
      x: base64(point.subarray(0, half)),
      y: base64(point.subarray(half)),
      d: base64(d),
    }
  }
  if (type === 'ssh-rsa') return rsaJwk(reader)
  return fail('invalid_argument', `keys of type ${type} are not supported`)
}

function rsaJwk(reader: WireReader): JsonWebKey {
  const [n, e, d, qi, p, q] = Array.from({ length: 6 }, () => unsigned(reader.string())) as [
    Buffer,
    Buffer,
    Buffer,
    Buffer,
    Buffer,
    Buffer,
  ]
  const rest = (prime: Buffer): Buffer => fromBig(toBig(d) % (toBig(prime) - 1n))
  const parts = { n, e, d, p, q, dp: rest(p), dq: rest(q), qi }
  return { kty: 'RSA', ...Object.fromEntries(Object.entries(parts).map(([name, value]) => [name, base64(value)])) }
}

function toBig(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex') || '0'}`)
}

function fromBig(value: bigint): Buffer {
  const hex = value.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
}

/** An mpint without its sign byte, padded to a length. */
function unsigned(bytes: Buffer, length = 0): Buffer {
  const digits = bytes[0] === 0 ? bytes.subarray(1) : bytes
  return Buffer.concat([Buffer.alloc(Math.max(0, length - digits.length)), digits])
}

const CURVES = [
  { jwk: 'P-256', ssh: 'nistp256', hash: 'sha256' },
  { jwk: 'P-384', ssh: 'nistp384', hash: 'sha384' },
  { jwk: 'P-521', ssh: 'nistp521', hash: 'sha512' },
] as const

function curveOf(name: string | undefined): (typeof CURVES)[number] {
  return (
    CURVES.find(({ jwk, ssh }) => jwk === name || ssh === name) ??
    fail('invalid_argument', `keys on the curve ${name} are not supported`)
  )
}

function agentKey(key: KeyObject, jwk: JsonWebKey, comment: string): AgentKey {
  const part = (name: 'x' | 'y' | 'n' | 'e'): Buffer => Buffer.from(jwk[name] ?? '', 'base64url')
  const strings = (...parts: readonly (Uint8Array | string)[]): Buffer => Buffer.concat(parts.map(wireString))
  if (jwk.kty === 'OKP' && jwk.crv === 'Ed25519')
    return {
      comment,
      blob: strings('ssh-ed25519', part('x')),
      sign: (data) => strings('ssh-ed25519', sign(null, data, key)),
    }
  if (jwk.kty === 'EC') {
    const { ssh, hash } = curveOf(jwk.crv)
    const type = `ecdsa-sha2-${ssh}`
    return {
      comment,
      blob: strings(type, ssh, Buffer.concat([Buffer.of(4), part('x'), part('y')])),
      sign: (data) => {
        const pair = sign(hash, data, { key, dsaEncoding: 'ieee-p1363' })
        const half = pair.length / 2
        return strings(type, Buffer.concat([mpint(pair.subarray(0, half)), mpint(pair.subarray(half))]))
      },
    }
  }
  if (jwk.kty !== 'RSA') fail('invalid_argument', `keys of type ${jwk.crv ?? jwk.kty} are not supported`)
  return {
    comment,
    blob: Buffer.concat([wireString('ssh-rsa'), mpint(part('e')), mpint(part('n'))]),
    sign: (data, flags) => {
      const [name, hash] =
        (flags & 4) !== 0
          ? ['rsa-sha2-512', 'sha512']
          : (flags & 2) !== 0
            ? ['rsa-sha2-256', 'sha256']
            : ['ssh-rsa', 'sha1']
      return strings(name!, sign(hash, data, key))
    },
  }
}
