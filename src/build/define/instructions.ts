import { fail } from '#base'
import { csv, flag, pathWords, type Value } from './quote.ts'
import type { AddOptions, CommandLine, CopyOptions, CopySource, HealthcheckOptions, RunOptions } from './types.ts'

/** How another stage or image is called in this Dockerfile. */
export type NameOf = (source: CopySource) => string

export function runText(command: CommandLine, { mounts = [], network, security }: RunOptions, nameOf: NameOf): string {
  const flags = mounts.map(({ from, readonly, readwrite, required, ...mount }) =>
    flag(
      'mount',
      csv({
        ...mount,
        ...(from === undefined ? {} : { from: nameOf(from) }),
        ...(readonly ? { readonly: true } : {}),
        ...(readwrite ? { readwrite: true } : {}),
        ...(required ? { required: true } : {}),
      }),
    ),
  )
  if (network !== undefined) flags.push(flag('network', network))
  if (security !== undefined) flags.push(flag('security', security))
  return ['RUN', ...flags, commandText(command)].join(' ')
}

export function copyText(sources: readonly Value[], destination: Value, options: CopyOptions, nameOf: NameOf): string {
  const { from, parents } = options
  const flags = [...(from === undefined ? [] : [flag('from', nameOf(from))]), ...(parents ? ['--parents'] : [])]
  return ['COPY', ...flags, ...fileFlags(options), pathWords([...sources, destination])].join(' ')
}

export function addText(sources: readonly Value[], destination: Value, options: AddOptions): string {
  const { checksum, keepGitDir, unpack } = options
  const flags = [
    ...(checksum === undefined ? [] : [flag('checksum', checksum)]),
    ...(keepGitDir ? ['--keep-git-dir=true'] : []),
    ...(unpack === undefined ? [] : [`--unpack=${unpack}`]),
  ]
  return ['ADD', ...flags, ...fileFlags(options), pathWords([...sources, destination])].join(' ')
}

function fileFlags({ chown, chmod, link, exclude = [] }: Omit<CopyOptions, 'from' | 'parents'>): string[] {
  return [
    ...(chown === undefined ? [] : [flag('chown', chown)]),
    ...(chmod === undefined ? [] : [flag('chmod', chmod)]),
    ...(link ? ['--link'] : []),
    ...exclude.map((pattern) => flag('exclude', pattern)),
  ]
}

export function healthcheckText(command: CommandLine | undefined, options: HealthcheckOptions): string {
  if (command === undefined) return 'HEALTHCHECK NONE'
  const { interval, timeout, startPeriod, startInterval, retries } = options
  const flags = Object.entries({
    interval,
    timeout,
    'start-period': startPeriod,
    'start-interval': startInterval,
    retries,
  })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => flag(name, String(value)))
  return ['HEALTHCHECK', ...flags, 'CMD', commandText(command)].join(' ')
}

/**
 * A list as JSON. Text as the shell form has it; several lines as a heredoc, which the shell gets as they are.
 */
export function commandText(command: CommandLine): string {
  if (typeof command !== 'string') return JSON.stringify(command)
  if (command.includes('\n')) return heredocText(command)
  // At these places a Dockerfile would see something else than the shell's text.
  if (/^\s*(?:--|\[)|<<|\\\s*$|^\s*$/.test(command))
    fail('invalid_argument', `the command ${JSON.stringify(command)} cannot be written in shell form`, {
      hint: 'give it as a list, or in several lines',
    })
  return command.trim()
}

function heredocText(text: string): string {
  const lines = text.endsWith('\n') ? text : `${text}\n`
  let name = 'EOF'
  while (lines.split('\n').some((line) => line.trim() === name)) name += '_'
  return `<<${name}\n${lines}${name}`
}
