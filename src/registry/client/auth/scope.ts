const SCOPE_LIMIT = 1024

/** A token's scope for a repository: distribution's token specification. */
export function repositoryScope(path: string, ...actions: readonly string[]): string {
  return `repository:${path}:${actions.join(',')}`
}

/** What `_catalog` asks for. */
export const CATALOG_SCOPE = 'registry:catalog:*'

/**
 * Scopes joined: actions of one resource together, everything sorted, so that equal needs have equal
 * text. What is not `type:name:actions` is left out.
 */
export function mergeScopes(scopes: readonly string[]): readonly string[] {
  const actions = new Map<string, Set<string>>()
  for (const scope of scopes.flatMap((s) => s.split(' '))) {
    const colon = scope.lastIndexOf(':')
    if (colon < 1 || !scope.slice(0, colon).includes(':') || scope.length > SCOPE_LIMIT) continue
    const resource = scope.slice(0, colon)
    const known = actions.get(resource) ?? new Set<string>()
    for (const action of scope.slice(colon + 1).split(',')) if (action !== '') known.add(action)
    actions.set(resource, known)
  }
  return [...actions].map(([resource, set]) => `${resource}:${[...set].sort().join(',')}`).sort()
}
