import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { CairnError } from '#base'
import { mountFrom, parseRunMount } from './runmount.ts'

const read = (text: string): unknown => parseRunMount(text, (word) => word.replaceAll('$A', 'value'))

test('every type with its options and their other names', () => {
  expect(read('target=/x')).toEqual({ type: 'bind', readonly: true, required: false, target: '/x' })
  expect(read('type=BIND,from=s,src=/a,dst=/b,rw')).toEqual({
    type: 'bind',
    from: 's',
    source: '/a',
    target: '/b',
    readonly: false,
    required: false,
  })
  expect(read('type=cache,id=i,destination=/c,sharing=Locked,mode=0700,uid=1,gid=2,ro=true')).toEqual({
    type: 'cache',
    id: 'i',
    target: '/c',
    sharing: 'locked',
    mode: 0o700,
    uid: 1,
    gid: 2,
    readonly: true,
    required: false,
  })
  expect(read('type=tmpfs,target=/t,size=1.5k')).toMatchObject({ size: 1536, readonly: false })
  expect(read('type=secret,id=s,env=E,required=1')).toMatchObject({ env: 'E', required: true })
  expect(read('type=ssh,required=false')).toMatchObject({ type: 'ssh', required: false })
})

test('commas in quotes, variables in values but not in from', () => {
  expect(read('type=bind,"source=a,b ""c""",target=$A')).toMatchObject({ source: 'a,b "c"', target: 'value' })
  expect(() => mountFrom('from=$A,target=/x')).toThrow("doesn't support variable expansion")
  expect(mountFrom('from=a$,target=/x')).toBe('a$')
})

test.each([
  ['type=bind,"target=/x', 'a quote is out of place'],
  ['type=bind,target=/x,readonly=perhaps', 'invalid value for readonly: perhaps'],
  ['type=cache,target=/x,mode=999', 'invalid value 999 for mode'],
  ['type=cache,target=/x,uid=4294967296', 'invalid value 4294967296 for uid'],
  ['type=tmpfs,target=/x,size=big', 'invalid value for size: big'],
  ['type=bind,target=/x,size=1', "unexpected key 'size' for mount type 'bind'"],
  ['type=bind,target=/x,required', "unexpected key 'required' for mount type 'bind'"],
  ['type=cache,target=/x,env=A', 'env is for secret mounts'],
  ['type=ssh,source=/x', 'ssh mounts have no source'],
  ['type=secret,id=a,from=b', 'secret mount should not have a from'],
])('%s is refused', (text, message) => {
  expect(() => read(text)).toThrow(message)
})

test('any text is read, or refused with one line', () => {
  const word = fc.oneof(
    fc.string({ maxLength: 6 }),
    fc.constantFrom('type=', 'cache', 'secret', ',', '"', '=', 'from=', 'target=/x', 'size=1g', 'ro', 'mode=0', '$A'),
  )
  fc.assert(
    fc.property(fc.array(word, { maxLength: 12 }), (words) => {
      try {
        read(words.join(''))
      } catch (error) {
        expect(error).toBeInstanceOf(CairnError)
        expect((error as Error).message).toBeTruthy()
      }
    }),
  )
})
