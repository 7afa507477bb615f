import { builds } from './table/builds.ts'
import { containers } from './table/containers.ts'
import type { Entry } from './table/entry.ts'
import { images } from './table/images.ts'
import { registries } from './table/registries.ts'
import { system } from './table/system.ts'

/** Every command. Each is one chunk of the binary, read on use. */
export const table: readonly Entry[] = [...containers, ...builds, ...images, ...registries, ...system]
