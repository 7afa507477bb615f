import { satisfies, valid, validRange, coerce } from 'semver'
import type { HclFunction } from '../hcl/evaluate.ts'
import { define, text } from './arguments.ts'

export const versions: Readonly<Record<string, HclFunction>> = {
  semvercmp: define([text, text], (version, constraint) => {
    const parsed = valid(version, { loose: true }) ?? (/^v?\d+(\.\d+)?$/.test(version) ? coerce(version) : null)
    if (parsed === null) throw new Error(`${JSON.stringify(version)} is no version`)
    // Commas stand for "and" here.
    const range = constraint.replaceAll(',', ' ')
    if (validRange(range) === null) throw new Error(`${JSON.stringify(constraint)} is no constraint`)
    return satisfies(parsed, range)
  }),
}
