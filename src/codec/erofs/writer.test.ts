import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import type { ErofsSummary } from '#codec'
import {
  debianRootfs,
  fileTree,
  lacking,
  must,
  needsRoot,
  run,
  skipReason,
  tarOf,
  tempDir,
  withErofs,
  writeLayerFile,
} from '#testkit'
import type { LayerFileOptions, Member, TempDir } from '#testkit'

let dir: TempDir
beforeAll(() => void (dir = tempDir()))
afterAll(() => dir[Symbol.dispose]())

const noRoot = needsRoot()
let serial = 0

/** A path that nothing is at yet. */
function fresh(name: string): string {
  return join(dir.path, `${serial++}-${name}`)
}

/** Converts an archive in memory; `image` is the file's path. */
function convert(tar: Uint8Array, options?: LayerFileOptions): ErofsSummary & { image: string } {
  const image = fresh('image')
  return { ...writeLayerFile(image, tar, options), image }
}

/** fsck.erofs of the distribution may be too old to know blocks of 512 bytes. */
async function fsck(image: string): Promise<void> {
  const { code, stdout, stderr } = await run(['fsck.erofs', '--extract', image])
  if (`${stdout}${stderr}`.includes("isn't supported"))
    return console.log('skipped: fsck.erofs: it is older than 1.6 and reads no blocks of 512 bytes')
  expect({ code, stdout, stderr }).toMatchObject({ code: 0 })
}

/** The mounted image and what GNU tar extracts from the same archive are the same. */
async function expectSameAsTar(tarFile: string, ...tarOptions: string[]): Promise<ErofsSummary> {
  const tar = readFileSync(tarFile)
  const { image, ...summary } = convert(tar, { chunk: 1 << 20 })
  const extracted = fresh('extracted')
  await must(['mkdir', '-m', '755', extracted])
  const options = ['--xattrs', '--xattrs-include=*', '--numeric-owner', '--same-owner', '-p']
  await must(['tar', ...options, ...tarOptions, '-xf', tarFile, '-C', extracted])
  const timeless = new Set(summary.quirks.impliedDirectories)
  const expected = fileTree(extracted, { timeless })
  const actual = withErofs(image, fresh('mount'), (root) => fileTree(root, { timeless }))
  const names = new Set([...expected.keys(), ...actual.keys()])
  const different = [...names].filter((name) => expected.get(name) !== actual.get(name))
  expect(different.slice(0, 10).map((name) => [name, actual.get(name)])).toEqual(
    different.slice(0, 10).map((name) => [name, expected.get(name)]),
  )
  if (!lacking('fsck.erofs')) await fsck(image)
  await must(['rm', '-rf', extracted, image])
  return summary
}

const noTar = noRoot ?? lacking('tar', 'setfattr', 'setcap')

describe('against tar x, through the kernel', () => {
  test.skipIf(skipReason('a Debian root', noTar, lacking('mmdebstrap')))(
    'a Debian root',
    async () => {
      const summary = await expectSameAsTar(await debianRootfs())
      expect(summary.inodes).toBeGreaterThan(1000)
      expect(summary.quirks.absentLinks).toEqual([])
    },
    600_000,
  )

  for (const format of ['pax', 'gnu'] as const)
    test.skipIf(skipReason(`edges of ${format}`, noTar))(`edges of ${format}`, async () => {
      const root = fresh('edges')
      await must(['sh', '-ec', EDGES, 'sh', root])
      const tar = `${root}.tar`
      const xattrs = format === 'pax' ? ['--xattrs', '--xattrs-include=*'] : []
      await must(['tar', `--format=${format}`, ...xattrs, '--sparse', '--numeric-owner', '-C', root, '-cf', tar, '.'])
      await expectSameAsTar(tar)
    })
})

/** Makes a tree with one of everything in `$1`. */
const EDGES = `
mkdir "$1"; cd "$1"; chmod 1751 .
mkdir -p deep/$(printf 'd%.0s/' $(seq 150)); echo bottom > deep/$(printf 'd%.0s/' $(seq 150))file
long=$(printf 'n%.0s' $(seq 255)); echo long > $long; ln -s $long to-long; ln $long hard-long
mkdir -p big; (cd big; seq -f 'file-%g' 3000 | xargs touch); mkdir -p -- -dash .hidden ..twodots '!bang' ,comma
echo x > a; ln a b; ln b c; ln -s a s; ln s hard-symlink; ln -s "$(printf 't%.0s' $(seq 1000))" long-target
ln -s "$(printf 'u/%.0s' $(seq 2000))" longer-target
mknod null c 1 3; mknod disk b 259 70000; mkfifo fifo; mknod big-minor c 4095 1048575
head -c 1 /dev/zero > one; head -c 511 /dev/urandom > b511; head -c 512 /dev/urandom > b512; head -c 513 /dev/urandom > b513; : > empty
truncate -s 3M holes; printf start | dd of=holes conv=notrunc status=none; printf middle | dd of=holes bs=1 seek=1500001 conv=notrunc status=none
truncate -s 1M all-hole; truncate -s 5000001 odd-hole; printf end | dd of=odd-hole bs=1 seek=4999998 conv=notrunc status=none
for i in $(seq 30); do printf $i | dd of=many-holes bs=64k seek=$i conv=notrunc status=none; done
touch -d '1969-12-31 23:59:58.25 UTC' before-epoch; touch -d '2100-02-03 04:05:06.123456789 UTC' late; touch -d @-1 minus
chmod 6755 b511; chmod 0 b512; chown 4294967294:3000000 b513; chown -h 77:88 s; mkdir -m 3770 sticky; chown 5:6 sticky
setfattr -n user.one -v 1 one; setfattr -n user.empty one; setfattr -n trusted.thing -v t one; setfattr -n user.dir -v d sticky
setfattr -n user.large -v "$(head -c 3000 /dev/zero | tr '\\0' L)" empty; setcap cap_net_raw+ep b513; setfattr -n user.one -v 1 b513
setfattr -n user.on-a-big-directory -v "$(head -c 1000 /dev/zero | tr '\\0' D)" big
name=$(printf 'caf\\351'); echo latin1 > "$name"; mkdir "dir-$name"; echo in > "dir-$name/f"
echo utf8 > grüße; echo nl > "new
line"; echo sp > ' space '; echo bs > 'back\\slash'
`

describe('random archives against tar x, through the kernel', () => {
  const name = fc.constantFrom('a', 'b', 'c')
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))
  const member: fc.Arbitrary<Member> = fc.record({ path, mtime: fc.bigInt(-(10n ** 18n), 2n ** 62n) }).chain((base) =>
    fc.oneof(
      { weight: 3, arbitrary: fc.string({ maxLength: 1100 }).map((data): Member => ({ ...base, data })) },
      {
        weight: 3,
        arbitrary: fc.integer({ min: 0, max: 0o7777 }).map((mode): Member => ({ ...base, type: 'directory', mode })),
      },
      { weight: 2, arbitrary: path.map((linkname): Member => ({ ...base, type: 'hardlink', linkname })) },
      { weight: 2, arbitrary: path.map((linkname): Member => ({ ...base, type: 'symlink', linkname })) },
      { weight: 1, arbitrary: fc.constant<Member>({ ...base, type: 'fifo' }) },
    ),
  )

  test.skipIf(skipReason('random archives', noTar))(
    'same tree whenever tar succeeds',
    async () => {
      let compared = 0
      await fc.assert(
        fc.asyncProperty(fc.array(member, { maxLength: 8 }), async (members) => {
          const tar = fresh('random.tar')
          writeFileSync(tar, tarOf(...members))
          const extracted = fresh('extracted')
          await must(['mkdir', '-m', '755', extracted])
          const options = ['--numeric-owner', '--same-owner', '-p', '--delay-directory-restore']
          const { code } = await run(['tar', ...options, '-xf', tar, '-C', extracted])
          // A directory linked to itself: tar looks away, the kernel and we refuse.
          const refused = members.some((m) => m.type === 'hardlink' && m.linkname === m.path)
          if (code !== 0 || refused) return
          compared++
          const actual = withErofs(convert(readFileSync(tar)).image, fresh('mount'), (root) =>
            fileTree(root, { ignoreXattrs: /^trusted/ }),
          )
          const expected = fileTree(extracted)
          // tar gives directories that no member describes the time of day, we give them none.
          for (const [name, line] of actual) {
            if (line.startsWith('40755, 0:0, ') && line.endsWith(', at 0'))
              expected.set(name, (expected.get(name) ?? '').replace(/, at \d+$/, ', at 0'))
          }
          expect(Object.fromEntries(actual)).toEqual(Object.fromEntries(expected))
        }),
        {
          numRuns: Number(process.env.CAIRN_FUZZ_RUNS ?? 150),
          interruptAfterTimeLimit: Number(process.env.CAIRN_FUZZ_MS ?? 1500),
        },
      )
      expect(compared).toBeGreaterThan(0)
    },
    120_000,
  )
})
