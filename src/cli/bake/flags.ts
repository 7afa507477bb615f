import { formatEntry, type Target } from '#bake'

/** A target in the words of `cairn build`: whatever that takes, a target can say. The context is the word after them. */
export function buildWords(target: Target): string[] {
  const words: string[] = []
  const add = (flag: string, value: string | boolean | undefined): void => {
    if (value !== undefined && value !== false) words.push(value === true ? `--${flag}` : `--${flag}=${value}`)
  }
  const each = (flag: string, values: readonly string[] | undefined): void =>
    values?.forEach((value) => add(flag, value))
  const pairs = (flag: string, values: Readonly<Record<string, string>> | undefined): void =>
    Object.entries(values ?? {}).forEach(([key, value]) => add(flag, `${key}=${value}`))
  const entries = (
    flag: string,
    name: 'attest' | 'cache-from' | 'cache-to' | 'output' | 'secret' | 'ssh' | 'policy',
  ): void => target[name]?.forEach((entry) => add(flag, formatEntry(name, entry)))

  pairs('build-arg', target.args)
  pairs('label', target.labels)
  pairs('build-context', target.contexts)
  pairs('add-host', target['extra-hosts'])
  each('tag', target.tags)
  each('annotation', target.annotations)
  each('allow', target.entitlements)
  each('ulimit', target.ulimits)
  add('platform', target.platforms?.join(','))
  add('no-cache-filter', target['no-cache-filter']?.join(','))
  for (const name of ['attest', 'cache-from', 'cache-to', 'output', 'secret', 'ssh', 'policy'] as const)
    entries(name, name)
  for (const name of ['target', 'network', 'shm-size', 'no-cache', 'pull'] as const) add(name, target[name])
  for (const [name, value] of Object.entries(target.resources ?? {})) add(name, value)
  if (target['dockerfile-inline'] === undefined) add('file', dockerfileOf(target))
  return words
}

/** A Dockerfile is named from the context that it builds; the flag takes its path from here. */
function dockerfileOf({ context = '.', dockerfile = 'Dockerfile' }: Target): string | undefined {
  if (/^([a-z]+:\/\/|git@|-$)/.test(context) || dockerfile.startsWith('/')) return dockerfile
  return `${context.replace(/\/+$/, '')}/${dockerfile}`
}
