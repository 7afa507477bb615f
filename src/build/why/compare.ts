import type { KeyParts, StepChange } from './types.ts'

type FileChange = Extract<StepChange, { readonly kind: 'file' }>

/** Files that are named one by one. */
const NAMED = 10

/** What tells one key from another, the nearest cause first. */
export function changes(before: KeyParts, after: KeyParts): StepChange[] {
  const found = [
    ...memberChanges(before.members, after.members),
    ...fileChanges(before.files, after.files),
    ...inputChanges(before.inputs, after.inputs),
  ]
  if (found.length > 0) return found
  const suspected = otherKeys(before.inputs, after.inputs)
  return suspected.length > 0 ? suspected : [{ kind: 'unrecorded' }]
}

function memberChanges(before: KeyParts['members'], after: KeyParts['members']): StepChange[] {
  return differing(before, after).map((member) => ({
    kind: 'member',
    member,
    ...readable('before', before[member]),
    ...readable('after', after[member]),
  }))
}

/** A digest says nothing to people. */
function readable(name: 'before' | 'after', value: string | undefined): object {
  return value === undefined || value.startsWith('#') ? {} : { [name]: value }
}

function fileChanges(before: KeyParts['files'], after: KeyParts['files']): StepChange[] {
  // That something in a directory changed is said by what changed in it.
  const told: FileChange[] = []
  const directories: FileChange[] = []
  const note = (path: string, old: string | undefined, now: string | undefined): void => {
    if (old === now) return
    if (old === undefined) told.push({ kind: 'file', path, change: 'added' })
    else if (now === undefined) told.push({ kind: 'file', path, change: 'removed' })
    else (isDirectory(old) ? directories : told).push({ kind: 'file', path, change: 'changed' })
  }
  for (const [path, text] of before) note(path, text, after.get(path))
  for (const [path, text] of after) if (before.get(path) === undefined) note(path, undefined, text)
  const named = (told.length > 0 ? told : directories).toSorted((a, b) => (a.path < b.path ? -1 : 1))
  return named.length > NAMED ? [...named.slice(0, NAMED), { kind: 'files', count: named.length - NAMED }] : named
}

function isDirectory(text: string): boolean {
  return text.startsWith('d')
}

/** What an input made is what counts. */
function inputChanges(before: KeyParts['inputs'], after: KeyParts['inputs']): StepChange[] {
  return after
    .filter(({ result }, i) => result !== '' && before[i]?.result !== '' && before[i]?.result !== result)
    .map(({ name }) => ({ kind: 'input', name }))
}

/** Where nobody had to look at what an input made, how it came to be is all that can be compared. */
function otherKeys(before: KeyParts['inputs'], after: KeyParts['inputs']): StepChange[] {
  return after
    .filter(({ key, result }, i) => (result === '' || before[i]?.result === '') && before[i]?.key !== key)
    .map(({ name }) => ({ kind: 'input', name }))
}

function differing(before: Readonly<Record<string, string>>, after: Readonly<Record<string, string>>): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...names].filter((name) => before[name] !== after[name])
}
