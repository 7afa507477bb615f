import { describe, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { lacking, needsRoot } from '#testkit'
import { buildLab } from '../../testkit/buildlab.ts'

test('x', async () => {
  await using lab = await buildLab()
  const context = lab.context({ 'a.txt': 'hello', 'd/b': 'b' })
  const text = `FROM busybox AS base
RUN echo hi > /x && cat /etc/resolv.conf && echo err >&2
WORKDIR /w/v
COPY . .
FROM base
COPY --from=base --chown=user /w /copied
USER user
RUN id && touch /tmp/mine
CMD ["sh"]`
  const [a, b] = await lab.build({ context, text }, { context, text })
  console.log(JSON.stringify(a, null, 1))
  console.log(b!.cached, b!.ran, b!.milliseconds)
  console.log(lab.leftovers())
})
