import { createHash, randomUUID } from 'node:crypto'
import { homedir } from 'node:os'
import type { HclFunction } from '../hcl/evaluate.ts'
import type { Value } from '../hcl/value.ts'
import { anything, define, text } from './arguments.ts'

const hash =
  (algorithm: string): HclFunction =>
  (...args) =>
    define([text], (s) => createHash(algorithm).update(s).digest('hex'))(...args)

/** Namespaces of RFC 9562, section 6.6. */
const NAMESPACES: Readonly<Record<string, string>> = {
  dns: '6ba7b810-9dad-11d1-80b4-00c04fd430c8',
  url: '6ba7b811-9dad-11d1-80b4-00c04fd430c8',
  oid: '6ba7b812-9dad-11d1-80b4-00c04fd430c8',
  x500: '6ba7b814-9dad-11d1-80b4-00c04fd430c8',
}

export const encoding: Readonly<Record<string, HclFunction>> = {
  base64encode: define([text], (s) => Buffer.from(s).toString('base64')),
  base64decode: define([text], (s) => {
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(s) || s.length % 4 !== 0) throw new Error('not base64')
    return Buffer.from(s, 'base64').toString()
  }),
  urlencode: define([text], (s) =>
    encodeURIComponent(s)
      .replaceAll('%20', '+')
      .replace(/[!'()*]/g, hexed),
  ),
  // Escaped as Go does, so that it can stand in HTML.
  jsonencode: define([anything], (value) => JSON.stringify(sorted(value)).replace(/[<>&\u2028\u2029]/g, codePoint)),
  jsondecode: define([text], (s) => {
    try {
      return JSON.parse(s) as Value
    } catch {
      throw new Error('not JSON')
    }
  }),
  csvdecode: define([text], (s) => {
    const [head = [], ...rows] = csvRows(s)
    return rows.map((row) => {
      if (row.length !== head.length) throw new Error('the rows differ in length')
      return Object.fromEntries(head.map((name, i) => [name, row[i]!]))
    })
  }),
  md5: hash('md5'),
  sha1: hash('sha1'),
  sha256: hash('sha256'),
  sha512: hash('sha512'),
  uuidv4: define([], () => randomUUID()),
  uuidv5: define([text, text], uuidv5),
  homedir: define([], () => homedir()),
}

function codePoint(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

function hexed(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`
}

/** Keys in order: the same value gives the same text. */
function sorted(value: Value): Value {
  if (Array.isArray(value)) return (value as readonly Value[]).map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const map = value as Readonly<Record<string, Value>>
  return Object.fromEntries(
    Object.keys(map)
      .sort()
      .map((key) => [key, sorted(map[key]!)]),
  )
}

function uuidv5(namespace: string, name: string): string {
  const space = Buffer.from((NAMESPACES[namespace] ?? namespace).replaceAll('-', ''), 'hex')
  if (space.length !== 16) throw new Error(`${JSON.stringify(namespace)} is no namespace`)
  const digest = createHash('sha1').update(space).update(name).digest().subarray(0, 16)
  digest[6] = (digest[6]! & 0x0f) | 0x50
  digest[8] = (digest[8]! & 0x3f) | 0x80
  return digest.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** The fields of comma-separated lines (RFC 4180). */
export function csvRows(text: string): string[][] {
  const rows: string[][] = []
  let row: string[] = []
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y
  while (field.lastIndex < text.length || row.length > 0) {
    const found = field.exec(text)
    if (!found) throw new Error('not comma-separated values')
    row.push(found[1]?.replaceAll('""', '"') ?? found[2]!)
    if (found[3] === ',') continue
    rows.push(row)
    row = []
    if (found[3] === '') break
  }
  return rows
}
