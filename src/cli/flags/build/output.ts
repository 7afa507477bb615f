import { fail } from '#base'
import type { BuildOutput, ImageAnnotation } from '#engine'
import { drain } from '../../output.ts'
import { isTerminal } from '../../terminal.ts'
import { Attributes } from '../attributes.ts'
import { csvFields } from '../csv.ts'
import { annotationOfAttribute } from './annotation.ts'

type ImageOutput = Extract<BuildOutput, { readonly type: 'image' }>
type Packing = Pick<ImageOutput, 'compression' | 'level' | 'force' | 'ociTypes' | 'annotations' | 'artifacts'>
type Dest = Extract<BuildOutput, { readonly type: 'tar' }>['dest']

/** What the flags that shape every output ask for. */
export interface OutputFlags {
  readonly output: readonly string[]
  readonly push: boolean
  readonly load: boolean
  readonly annotations: readonly ImageAnnotation[]
}

/** Every place that a result goes to; undefined where nobody says: the local store. */
export function buildOutputs({ output, push, load, annotations }: OutputFlags): readonly BuildOutput[] | undefined {
  const outputs = output.map((text) => withAnnotations(parseOutput(text), annotations))
  const image = outputs.findIndex(({ type }) => type === 'image')
  if (push && image >= 0) outputs[image] = { ...(outputs[image] as ImageOutput), push: true }
  else if (push) outputs.push(withAnnotations({ type: 'image', push: true }, annotations))
  else if (image < 0 && (load || (outputs.length === 0 && annotations.length > 0)))
    outputs.push(withAnnotations({ type: 'image' }, annotations))
  return outputs.length === 0 ? undefined : outputs
}

function withAnnotations(output: BuildOutput, all: readonly ImageAnnotation[]): BuildOutput {
  if (all.length === 0 || !('annotations' in output || isImageLike(output))) return output
  // buildx's rule: Docker's media types have no annotations, so whoever wants some gets OCI's.
  return { ...output, ociTypes: output.ociTypes ?? true, annotations: [...all, ...(output.annotations ?? [])] }
}

function isImageLike(
  output: BuildOutput,
): output is Extract<BuildOutput, { readonly type: 'image' | 'oci' | 'docker' }> {
  return output.type === 'image' || output.type === 'oci' || output.type === 'docker'
}

const TYPES = ['image', 'registry', 'oci', 'docker', 'local', 'tar', 'cacheonly', 'none'] as const

/** One `--output`: `type=oci,dest=x.tar`, `DIRECTORY`, or `-` for a tar on standard output. */
function parseOutput(text: string): BuildOutput {
  const fields = csvFields(text)
  if (fields.length === 1 && !fields[0]!.includes('=')) {
    if (fields[0] === '') fail('invalid_argument', '--output needs a value')
    return fields[0] === '-' ? { type: 'tar', dest: standardOutput() } : { type: 'local', dest: fields[0]! }
  }
  const given = new Attributes(text, '--output')
  const output = outputOf(given)
  given.end()
  return output
}

function outputOf(given: Attributes): BuildOutput {
  const type =
    given.choice('type', TYPES) ?? fail('invalid_argument', '--output needs type=', { hint: TYPES.join(', ') })
  switch (type) {
    case 'image':
    case 'registry':
      return imageOutput(given, type === 'registry')
    case 'docker':
    case 'oci':
      return archiveOutput(given, type)
    case 'local':
      return {
        type,
        dest: given.required('dest'),
        ...optional('platformSplit', given.boolean('platform-split')),
        ...optional('mode', given.choice('mode', ['copy', 'delete'])),
      }
    case 'tar':
      return { type, dest: destination(given), ...optional('platformSplit', given.boolean('platform-split')) }
    case 'cacheonly':
    case 'none':
      return { type: 'cacheonly' }
  }
}

function imageOutput(given: Attributes, push: boolean): ImageOutput {
  const byDigest = given.boolean('push-by-digest')
  if (given.boolean('unpack') === false)
    fail('unimplemented', '--output unpack=false is not supported', {
      hint: 'layers are stored as the kernel mounts them',
    })
  return {
    type: 'image',
    ...names(given),
    push: given.boolean('push') ?? push,
    ...optional('pushByDigest', byDigest),
    ...optional('insecure', given.boolean('registry.insecure')),
    ...optional('attestations', given.choice('attestations', ['index', 'referrers'])),
    ...optional('store', given.boolean('store') ?? (byDigest ? false : undefined)),
    ...packing(given),
  }
}

function archiveOutput(given: Attributes, type: 'oci' | 'docker'): BuildOutput {
  const dest = given.text('dest')
  const tar = given.boolean('tar')
  const more = { ...names(given), ...packing(given) }
  if (dest === undefined && type === 'docker') return { type: 'image', ...more }
  if (tar === false && (dest === undefined || dest === '-'))
    fail('invalid_argument', '--output with tar=false needs dest=DIRECTORY')
  return { type, dest: place(dest), ...optional('tar', tar), ...more }
}

function names(given: Attributes): { readonly names?: readonly string[] } {
  const name = given.text('name')
  return name === undefined ? {} : { names: name.split(',').map((item) => item.trim()) }
}

function packing(given: Attributes): Packing {
  const compression = given.choice('compression', ['gzip', 'zstd', 'uncompressed'])
  const level = given.integer('compression-level')
  checkLevel(compression, level)
  if (given.boolean('rewrite-timestamp') === false)
    fail('unimplemented', '--output rewrite-timestamp=false is not supported', {
      hint: 'times of what a build makes never depend on when it is made',
    })
  const annotations = given.starting('annotation').map(annotationOfAttribute)
  const ociTypes = given.boolean('oci-mediatypes')
  if (ociTypes === false && annotations.length > 0) fail('invalid_argument', 'annotations need oci-mediatypes=true')
  return {
    ...optional('compression', compression === 'uncompressed' ? ('none' as const) : compression),
    ...optional('level', level),
    ...optional('force', given.boolean('force-compression')),
    ...optional('ociTypes', ociTypes),
    ...optional('artifacts', given.boolean('oci-artifact')),
    ...(annotations.length > 0 ? { annotations } : {}),
  }
}

function checkLevel(compression: string | undefined, level: number | undefined): void {
  if (level === undefined) return
  const most = compression === 'zstd' ? 22 : 9
  if (compression === 'uncompressed' || level > most)
    fail('invalid_argument', `--output compression-level=${level} has no meaning for ${compression ?? 'gzip'}`, {
      hint: 'gzip has 0 to 9, zstd 0 to 22',
    })
}

function destination(given: Attributes): Dest {
  return place(given.text('dest'))
}

function place(dest: string | undefined): Dest {
  return dest === undefined || dest === '-' ? standardOutput() : dest
}

function standardOutput(): Dest {
  if (isTerminal(1))
    fail('invalid_argument', 'cowardly refusing to write a tar to a terminal', { hint: 'give dest=FILE, or redirect' })
  return (tar) => drain(tar, 1)
}

function optional<K extends string, V>(name: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { [P in K]?: V }
}
