import type { Progress } from '#base'

/** One build’s records beside those of another: ids of their own, names that say whose they are. */
export function labelled(label: string, report: (record: Progress) => void): (record: Progress) => void {
  const own = (id: string): string => `${label}\0${id}`
  return (record) => {
    switch (record.kind) {
      case 'vertex': {
        const name = record.name.startsWith('[') ? `[${label} ${record.name.slice(1)}` : `[${label}] ${record.name}`
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
