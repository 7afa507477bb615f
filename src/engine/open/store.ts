import { openLocalStore, openNames, type ImageNames, type LocalStore } from '#content'
import type { Parts } from '../parts.ts'

export function names(parts: Parts): ImageNames {
  return openNames(parts.db)
}

export function store(parts: Parts): LocalStore {
  return openLocalStore({ root: parts.paths.root, db: parts.db })
}
