import type { HclFunction } from '../hcl/evaluate.ts'
import { collections } from './collections.ts'
import { crypto } from './crypto.ts'
import { encoding } from './encoding.ts'
import { network } from './network.ts'
import { numbers } from './numbers.ts'
import { strings } from './strings.ts'
import { time } from './time.ts'
import { versions } from './versions.ts'

/** What a bake file can call without defining it. */
export const standard: ReadonlyMap<string, HclFunction> = new Map(
  [numbers, strings, collections, encoding, crypto, time, versions, network].flatMap((group) => Object.entries(group)),
)
