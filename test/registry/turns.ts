import { expect } from 'bun:test'
import { digestOf } from '#oci'
import { patterned } from '#testkit'

/** One upload whose every request meets another server, as behind a proxy. */
export async function uploadInTurns(urls: readonly string[], size: number, chunks: number): Promise<void> {
  const bytes = patterned(size) as Uint8Array<ArrayBuffer>
  const digest = await digestOf(bytes)
  let turn = 0
  const next = (): string => urls[turn++ % urls.length]!
  const begun = await fetch(`${next()}/v2/turns/blobs/uploads/`, { method: 'POST' })
  const location = begun.headers.get('location')!
  const step = Math.ceil(size / chunks)
  for (let at = 0; at < size; at += step) {
    const body = bytes.subarray(at, at + step)
    const range = `${at}-${at + body.length - 1}`
    const sent = await fetch(next() + location, { method: 'PATCH', body, headers: { 'content-range': range } })
    expect([range, sent.status]).toEqual([range, 202])
    const told = await fetch(next() + location)
    expect(told.headers.get('range')).toBe(`0-${at + body.length - 1}`)
    // Two requests a round: without a third each server would have the same half of them.
    turn += at % 3
  }
  expect((await fetch(`${next()}${location}?digest=${digest}`, { method: 'PUT' })).status).toBe(201)
  for (const url of urls)
    expect(await digestOf(await (await fetch(`${url}/v2/turns/blobs/${digest}`)).bytes())).toBe(digest)
}
