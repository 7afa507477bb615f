import { existsSync, readFileSync } from 'node:fs'
import { fail, messageOf } from '#base'
import type { ArtifactFile, PutArtifactRequest } from '#engine'
import { asString, parseObject } from '#oci'
import { command, type Command, type Context, type Values } from '../command.ts'
import { annotationsOf } from '../flags/transfer.ts'
import { note, print } from '../output.ts'
import { transfer } from '../pulling.ts'

/** oras's flags. Shared with `cairn attach`, which is this command when it is given a type. */
export const attachFlags = {
  annotation: { type: 'string', short: 'a', multiple: true, value: 'key=value', help: 'Annotate the manifest' },
  'annotation-file': { type: 'string', help: 'Read annotations of the manifest from a JSON object', complete: 'file' },
  'artifact-type': { type: 'string', help: 'What the files are: application/spdx+json' },
  insecure: { type: 'boolean', help: 'Allow plain HTTP and certificates that are not valid' },
  platform: { type: 'string', help: 'Of an index, attach to the image for this platform' },
} as const

const { platform: _, ...artifactFlags } = attachFlags

export const artifactAttach: Command = command({
  usage: '[OPTIONS] --artifact-type TYPE NAME [FILE[:MEDIA_TYPE]...]',
  summary: 'Attach files to an image: an SBOM, a signature, a scan report',
  options: attachFlags,
  min: 1,
  run: attachFiles,
})

export async function attachFiles(
  context: Context,
  values: Values<typeof attachFlags>,
  [name, ...files]: readonly string[],
): Promise<void> {
  const node = await context.node()
  using shown = transfer({ quiet: false, done: 'Uploaded', title: 'Attaching', out: print })
  const request = { ...requestOf(values, files), ...(values.platform ? { platform: values.platform } : {}) }
  if (files.length === 0 && Object.keys(request.annotations ?? {}).length === 0)
    fail('invalid_argument', 'nothing to attach: give files or annotations')
  const { digest } = await node.artifacts.attach(name!, request, { signal: context.signal, progress: shown.report })
  shown.end()
  print(`Attached to ${name}`)
  print(`Digest: ${digest}`)
}

export const artifactPush: Command = command({
  usage: '[OPTIONS] --artifact-type TYPE NAME FILE[:MEDIA_TYPE]...',
  summary: 'Push files to a registry under a name of their own',
  options: artifactFlags,
  min: 2,
  run: async (context, values, [name, ...files]) => {
    const node = await context.node()
    using shown = transfer({ quiet: false, done: 'Uploaded', title: 'Pushing', out: print })
    const call = { signal: context.signal, progress: shown.report }
    const { digest } = await node.artifacts.push(name!, requestOf(values, files), call)
    shown.end()
    print(`Pushed ${name}`)
    print(`Digest: ${digest}`)
  },
})

export const artifactPull: Command = command({
  usage: '[OPTIONS] NAME[:TAG|@DIGEST]',
  summary: 'Write the files of an artifact into a directory',
  options: {
    insecure: artifactFlags.insecure,
    output: { type: 'string', short: 'o', help: 'The directory (default: this one)', complete: 'directory' },
  },
  min: 1,
  max: 1,
  run: async (context, values, [name]) => {
    const node = await context.node()
    const options = { directory: values.output ?? '.', ...(values.insecure ? { insecure: true } : {}) }
    const { root, files, unnamed } = await node.artifacts.pull(name!, options, { signal: context.signal })
    for (const file of files) print(`Downloaded ${file}`)
    if (unnamed > 0) note(`${unnamed} blobs have no file name and were left out: 'cairn copy NAME oci:DIR' takes all`)
    print(`Digest: ${root.digest}`)
  },
})

function requestOf(values: Values<typeof artifactFlags>, files: readonly string[]): PutArtifactRequest {
  const artifactType = values['artifact-type']
  if (artifactType === undefined) return fail('invalid_argument', '--artifact-type is needed: what are the files?')
  if (!/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/.test(artifactType))
    fail('invalid_argument', `--artifact-type ${artifactType}: a media type is meant, application/spdx+json`)
  const file = values['annotation-file']
  const annotations = {
    ...(file === undefined ? {} : readAnnotations(file)),
    ...annotationsOf(values.annotation ?? []),
  }
  return { artifactType, annotations, files: files.map(fileOf), ...(values.insecure ? { insecure: true } : {}) }
}

/** `report.json:application/json`; a file whose own name has the colon wins. */
function fileOf(word: string): ArtifactFile {
  const [, path, mediaType] = /^(.+):([\w!#$&^.+-]+\/[\w!#$&^.+-]+)$/s.exec(word) ?? []
  return path === undefined || mediaType === undefined || existsSync(word) ? { path: word } : { path, mediaType }
}

function readAnnotations(path: string): Readonly<Record<string, string>> {
  try {
    const object = parseObject(readFileSync(path), path)
    return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, asString(value, key)]))
  } catch (error) {
    return fail('invalid_argument', `cannot read annotations from ${path}: ${messageOf(error)}`, { cause: error })
  }
}
