import { expect } from 'bun:test'
import { makeImage, pullImage, pushImage } from './images.ts'

/**
 * Pushes and deletions of the same tags and manifests at two servers over one storage. Whatever came first: a tag that
 * is listed is an image that can be pulled whole, at both; what was pushed and not deleted is there.
 */
export async function raceOver(urls: readonly [string, string], rounds: number): Promise<void> {
  const image = await makeImage('raced')
  const other = await makeImage('another')
  const remove = async (url: string, reference: string): Promise<number> =>
    (await fetch(`${url}/v2/race/manifests/${reference}`, { method: 'DELETE' })).status
  for (let round = 0; round < rounds; round++) {
    const [one, two] = round % 2 ? urls : [urls[1], urls[0]]
    const [pushed, , byDigest, byTag] = await Promise.all([
      pushImage(one, 'race', 'latest', image),
      pushImage(two, 'race', `r${round % 5}`, round % 3 ? image : other),
      remove(two, image.digest),
      remove(one, 'latest'),
    ])
    expect(pushed).toBe(201)
    for (const url of urls) {
      const tags = ((await (await fetch(`${url}/v2/race/tags/list`)).json()) as { tags: string[] | null }).tags ?? []
      for (const tag of tags)
        expect([round, url, tag, await pullImage(url, 'race', tag)]).toEqual([round, url, tag, true])
      if (byDigest === 404) expect([round, await pullImage(url, 'race', image.digest)]).toEqual([round, true])
      if (byDigest === 404 && byTag === 404) expect([round, tags]).toEqual([round, expect.arrayContaining(['latest'])])
    }
  }
}
