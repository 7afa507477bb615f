import type { Digest } from '#oci'
import type { BuildVertex, Definition } from '../ops/definition.ts'

interface Step {
  readonly id: string
  readonly name: string
  readonly inputs?: readonly string[]
  readonly definition: object
}

/** The graph as data, inputs before those that read them. Definitions never hold a secret. */
export function buildSteps(target: BuildVertex | undefined): readonly Step[] {
  const ids = new Map<Digest, string>()
  const steps: Step[] = []
  const visit = (vertex: BuildVertex): string => {
    const known = ids.get(vertex.digest)
    if (known) return known
    const inputs = vertex.inputs.map(visit)
    const id = `step${ids.size}`
    ids.set(vertex.digest, id)
    steps.push({ id, name: vertex.name, ...(inputs.length > 0 ? { inputs } : {}), definition: shown(vertex.def) })
    return id
  }
  if (target) visit(target)
  return steps
}

/** Proxies are where a build is done, not what it does. */
function shown(def: Definition): object {
  if (!('proxy' in def)) return def
  const { proxy: _, ...rest } = def
  return rest
}
