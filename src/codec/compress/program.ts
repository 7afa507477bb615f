import { fail, messageOf } from '#base'
import type { ByteStream } from '#base'

/** Compressions without a decoder here: the system's programs do it, if there are any. */
export type ProgramFormat = 'bzip2' | 'xz'

/** The stream decompressed by the program of that name; `unimplemented` without it, `data_loss` when it fails. */
export async function* throughProgram(
  stream: ByteStream,
  program: ProgramFormat,
): AsyncGenerator<Uint8Array, void, void> {
  const { spawn } = process.getBuiltinModule('node:child_process')
  const child = spawn(program, ['-dc'], { stdio: ['pipe', 'pipe', 'ignore'], env: { PATH: process.env.PATH } })
  const ended = new Promise<number | Error | null>((resolve) => {
    child.on('error', resolve).on('close', resolve)
  })
  let broken: unknown
  const fed = feed(stream, child.stdin).catch((error: unknown) => {
    broken = error
    child.kill()
  })
  try {
    // That of a program that is not there breaks off before anybody says so.
    let cut: unknown
    const output = child.stdout[Symbol.asyncIterator]()
    const next = (): Promise<IteratorResult<Uint8Array, undefined>> =>
      output.next().catch((error: unknown) => {
        cut = error
        return { done: true, value: undefined }
      })
    for (let chunk = await next(); !chunk.done; chunk = await next()) yield chunk.value
    const code = await ended
    if (code instanceof Error) missing(program, code)
    await fed
    if (cut !== undefined) throw cut
    if (broken !== undefined) throw broken
    if (code !== 0) fail('data_loss', `${program}: data are damaged or truncated`)
  } finally {
    child.kill()
  }
}

/** A program that ends early reads no more: what it says by its exit code is what counts. */
async function feed(stream: ByteStream, stdin: NodeJS.WritableStream): Promise<void> {
  let closed = false
  const ready = (): Promise<void> =>
    new Promise((resolve) => {
      stdin.once('drain', resolve).once('close', resolve)
    })
  stdin.on('error', () => (closed = true)).on('close', () => (closed = true))
  for await (const chunk of stream) {
    if (closed) return
    if (!stdin.write(chunk.slice())) await ready()
  }
  stdin.end()
}

function missing(program: ProgramFormat, cause: unknown): never {
  return fail('unimplemented', `the archive is compressed with ${program}, which cannot be run: ${messageOf(cause)}`, {
    hint: `install ${program === 'xz' ? 'xz-utils' : program}, or decompress it first`,
    cause,
  })
}
