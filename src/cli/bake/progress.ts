import type { Progress } from '#base'

/** One target's records beside those of others: ids of their own, names that say whose they are. */
export function ofTarget(target: string, report: (record: Progress) => void): (record: Progress) => void {
  const own = (id: string): string => `${target}\0${id}`
  return (record) => {
    switch (record.kind) {
      case 'vertex': {
        const name = record.name.startsWith('[') ? `[${target} ${record.name.slice(1)}` : `[${target}] ${record.name}`
        report({ ...record, id: own(record.id), name, ...(record.inputs && { inputs: record.inputs.map(own) }) })
        break
      }
      case 'warning':
        report({ ...record, ...(record.vertex !== undefined && { vertex: own(record.vertex) }) })
        break
      case 'status':
        report({ ...record, ...(record.vertex !== undefined && { vertex: own(record.vertex) }) })
        break
      case 'log':
        report({ ...record, vertex: own(record.vertex) })
    }
  }
}
