import { fail } from '#base'
import type { AttestRequest } from '#engine'
import { Attributes } from '../attributes.ts'

/** The flags that say what is stated about a result. */
export interface AttestFlags {
  readonly attest: readonly string[]
  readonly provenance: string | undefined
  readonly sbom: string | undefined
}

type Statements = { -readonly [K in keyof AttestRequest]: AttestRequest[K] }

/** What is asked for; undefined when nothing is. Later wishes go before earlier ones, the short flags before `--attest`. */
export function attestRequest({ attest, provenance, sbom }: AttestFlags): AttestRequest | undefined {
  const wanted: Statements = {}
  for (const text of attest) apply(wanted, new Attributes(text, '--attest'))
  if (provenance !== undefined) apply(wanted, short('provenance', provenance))
  if (sbom !== undefined) apply(wanted, short('sbom', sbom))
  return wanted.provenance || wanted.sbom ? wanted : undefined
}

/** `--sbom=true`, `--provenance=mode=max`. */
function short(type: 'provenance' | 'sbom', value: string): Attributes {
  const isOn = /^(?:1|t|true)$/i.test(value)
  const isOff = /^(?:0|f|false)$/i.test(value)
  const rest = isOn ? '' : isOff ? ',disabled=true' : `,${value}`
  return new Attributes(`type=${type}${rest}`, `--${type}`)
}

function apply(wanted: Statements, given: Attributes): void {
  const type =
    given.choice('type', ['provenance', 'sbom']) ??
    fail('invalid_argument', '--attest needs type=', { hint: 'provenance, sbom' })
  const isDisabled = given.boolean('disabled') === true
  if (type === 'sbom') {
    if (given.text('generator') !== undefined)
      fail('unimplemented', '--sbom generator= is not supported', {
        hint: 'packages are listed without running anything',
      })
    wanted.sbom = !isDisabled
  } else {
    const mode = given.choice('mode', ['min', 'max']) ?? 'min'
    const builderId = given.text('builder-id')
    if (given.choice('version', ['v1', 'v0.2']) === 'v0.2')
      fail('unimplemented', '--provenance version=v0.2 is not supported', { hint: 'v1 is' })
    // BuildKit writes it into the predicate; here nothing in it varies.
    given.boolean('reproducible')
    if (isDisabled) delete wanted.provenance
    else wanted.provenance = { mode, ...(builderId === undefined ? {} : { builderId }) }
  }
  given.end()
}
