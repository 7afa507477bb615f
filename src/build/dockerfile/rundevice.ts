import { fail } from '#base'
import type { StepDevice } from '../ops/definition.ts'
import { nearest } from './nearest.ts'

/** The value of `--device`: `vendor.com/class=name[,required]`, or `name=…,required=…`. */
export function parseRunDevice(text: string): StepDevice {
  let name: string | undefined
  let required = false
  for (const field of text.split(',')) {
    const [key = '', value] = field.split(/=(.*)/s)
    const word = key.toLowerCase()
    if (word === 'required') required = value === undefined || truth(value)
    else if (word === 'name' && value !== undefined) {
      if (name !== undefined) fail('invalid_argument', `device name already set to ${name}`)
      name = value
    } else if (name === undefined) name = field
    else {
      const close = nearest(word, ['name', 'required'])
      fail('invalid_argument', `unexpected key ${JSON.stringify(key)} in --device=${text}`, {
        hint: close === undefined ? 'the keys are name and required' : `did you mean ${close}?`,
      })
    }
  }
  if (!name) return fail('invalid_argument', `--device=${text} names no device`)
  return { name, required }
}

function truth(value: string): boolean {
  if (/^(?:1|t|true)$/i.test(value)) return true
  if (/^(?:0|f|false)$/i.test(value)) return false
  return fail('invalid_argument', `invalid value for required: ${value}`)
}
