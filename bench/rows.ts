import { buildRows } from './build/rows.ts'
import type { Row } from './row.ts'
import { runRows } from './run/rows.ts'
import { faultyRows } from './share/faulty.ts'
import { pullRows } from './share/pull.ts'
import { pushRows } from './share/push.ts'
import { serveRows } from './share/serve.ts'

export const rows: readonly Row[] = [...runRows, ...buildRows, ...pullRows, ...pushRows, ...faultyRows, ...serveRows]
