import { afterAll, beforeAll, expect, test } from 'bun:test'
import { lstatSync, mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { collect } from '#base'
import { readTar } from '#codec'
import type { TarMember } from '#codec'

/** A tree with everything an archive can hold, as tar and python find it on a real file system. */
const TREE = `
set -e
mkdir -p t/empty "t/$(printf 'd%.0s' $(seq 90))/$(printf 'e%.0s' $(seq 90))"
cd t
echo hello > plain; chmod 4751 plain
head -c 100000 /dev/urandom > random
: > nothing
ln plain hard; ln -s plain soft; mkfifo pipe
echo x > "naïve ☃"; touch -d '2001-02-03 04:05:06.123456789' "naïve ☃"
echo y > "$(printf 'd%.0s' $(seq 90))/$(printf 'e%.0s' $(seq 90))/$(printf 'f%.0s' $(seq 90))"
ln -s "$(printf 'target/%.0s' $(seq 40))" longlink
touch -d '1960-01-01 00:00:00.5' old
if [ $(id -u) = 0 ]; then mknod null c 1 3; mknod disk b 8 17; touch owned; chown 12345:54321 owned; fi
truncate -s 300000 holes
for i in 0 1 2 3 4 5 6 7; do printf abc | dd of=holes bs=1 seek=$((i * 32768 + 4096)) conv=notrunc status=none; done
truncate -s 5000000 many
i=0; while [ $i -lt 60 ]; do printf z | dd of=many bs=1 seek=$((i * 65536)) conv=notrunc status=none; i=$((i + 1)); done
truncate -s 1000000 allhole
`

const root = process.getuid?.() === 0
let directory = ''

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'cairn-tars-'))
  sh(TREE)
})
afterAll(() => rmSync(directory, { recursive: true }))

function sh(script: string): void {
  const { exitCode, stderr } = Bun.spawnSync(['sh', '-c', script], {
    cwd: directory,
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  })
  if (exitCode !== 0) throw new Error(stderr.toString())
}

async function read(name: string): Promise<Map<string, { member: TarMember; data: Uint8Array }>> {
  const members = new Map<string, { member: TarMember; data: Uint8Array }>()
  for await (const { entry, data } of readTar(Bun.file(join(directory, name)).stream()))
    members.set(entry.path, { member: entry, data: await collect(data, 1 << 24) })
  return members
}

const KINDS: Record<number, string> = {
  1: 'fifo',
  2: 'chardev',
  4: 'directory',
  6: 'blockdev',
  8: 'file',
  10: 'symlink',
}

/** Every member against the file it was made of; returns how many there were. */
async function compare(name: string, { nanoseconds = false } = {}): Promise<number> {
  const members = await read(name)
  for (const [path, { member, data }] of members) {
    const file = join(directory, path)
    const stat = lstatSync(file, { bigint: true })
    const kind = member.type === 'hardlink' ? 'file' : member.type
    expect(`${path} ${kind} ${member.mode} ${member.uid}:${member.gid}`).toBe(
      `${path} ${KINDS[Number(stat.mode >> 12n)]} ${Number(stat.mode & 0o7777n)} ${stat.uid}:${stat.gid}`,
    )
    const mtime = nanoseconds
      ? stat.mtimeNs
      : BigInt.asIntN(64, stat.mtimeNs - (((stat.mtimeNs % 10n ** 9n) + 10n ** 9n) % 10n ** 9n))
    expect(`${path} ${member.mtime}`).toBe(`${path} ${mtime}`)
    if (member.type === 'symlink') expect(member.linkname).toBe(readlinkSync(file))
    if (member.type === 'hardlink') expect(lstatSync(join(directory, member.linkname!)).ino).toBe(Number(stat.ino))
    if (member.type.endsWith('dev')) expect(BigInt((member.devmajor! << 8) | member.devminor!)).toBe(stat.rdev)
    if (member.type !== 'file') continue
    expect(`${path} ${member.size}`).toBe(`${path} ${stat.size}`)
    expect(Buffer.compare(data, readFileSync(file))).toBe(0)
  }
  return members.size
}

const LONG = "--exclude='*ffff*' --exclude='longlink'"
const formats: [string, string, boolean][] = [
  ['v7', `--format=v7 ${LONG} --exclude=eeee* --exclude=old --exclude=pipe --exclude=null --exclude=disk`, false],
  ['ustar', `--format=ustar ${LONG} --exclude=old`, false],
  ['oldgnu', '--format=oldgnu', false],
  ['gnu', '--format=gnu', false],
  ['gnu sparse', '--format=gnu -S', false],
  ['oldgnu sparse', '--format=oldgnu -S', false],
  ['posix', '--format=posix', true],
  ['posix sparse 0.0', '--format=posix -S --sparse-version=0.0', true],
  ['posix sparse 0.1', '--format=posix -S --sparse-version=0.1', true],
  ['posix sparse 1.0', '--format=posix -S --sparse-version=1.0', true],
]

for (const [name, options, nanoseconds] of formats)
  test(`GNU tar: ${name}`, async () => {
    sh(`tar ${options} -cf gnu.tar t`)
    expect(await compare('gnu.tar', { nanoseconds })).toBeGreaterThan(name === 'v7' ? 9 : 14)
    if (!name.includes('sparse')) return
    const members = await read('gnu.tar')
    expect(members.get('t/many')!.member.sparse!.length).toBeGreaterThan(30)
    expect(members.get('t/allhole')!.member).toMatchObject({ size: 1_000_000, storedSize: 0, sparse: [] })
  })

test('GNU tar: a multi-gigabyte hole is a few bytes of map', async () => {
  sh(
    'truncate -s 20G huge && printf x | dd of=huge bs=1 seek=12884901888 conv=notrunc status=none && tar --format=gnu -S -cf huge.tar huge; rm huge',
  )
  for await (const { entry } of readTar(Bun.file(join(directory, 'huge.tar')).stream()))
    expect(entry).toMatchObject({ size: 20 * 2 ** 30, sparse: [{ offset: 12884901888, length: 4096 }] })
})

const canSetXattr =
  root &&
  Bun.which('setfattr') !== null &&
  Bun.spawnSync(['sh', '-c', 'f=$(mktemp) && setfattr -n user.a -v b $f; e=$?; rm $f; exit $e']).exitCode === 0

test.skipIf(!canSetXattr)('GNU tar: extended attributes (needs root, attr, a temp dir that has them)', async () => {
  sh(`mkdir x && touch x/f && setfattr -n user.text -v 'a=b' x/f && setfattr -n user.bytes -v 0x000aff3d x/f
      setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 x/f
      tar --xattrs --xattrs-include='*' -cf xattr.tar x`)
  const { xattrs } = (await read('xattr.tar')).get('x/f')!.member
  expect(xattrs!.get('user.text')).toEqual(Uint8Array.from(Buffer.from('a=b')))
  expect(xattrs!.get('user.bytes')).toEqual(Uint8Array.of(0, 10, 255, 61))
  expect(xattrs!.get('security.capability')).toHaveLength(20)
})

test.skipIf(!Bun.which('bsdtar'))('bsdtar: ustar and pax (needs bsdtar)', async () => {
  sh(`bsdtar --format=ustar ${LONG} --exclude old -cf bsd.tar t`)
  expect(await compare('bsd.tar')).toBeGreaterThan(14)
  // libarchive writes a time before 1970 as its whole seconds and its fraction apart, half a second wrong.
  sh('bsdtar --format=pax --read-sparse --exclude old -cf bsd.tar t')
  expect(await compare('bsd.tar', { nanoseconds: true })).toBeGreaterThan(14)
})

test.skipIf(!Bun.which('python3'))('python tarfile: every format, global headers (needs python3)', async () => {
  sh(`python3 - <<'EOT'
import tarfile
for name, form in (('ustar', tarfile.USTAR_FORMAT), ('gnu', tarfile.GNU_FORMAT), ('pax', tarfile.PAX_FORMAT)):
    keep = lambda m: None if name == 'ustar' and ('fff' in m.name or m.name.endswith('/longlink') or m.name.endswith('/old')) else m
    def whole(m):
        m.mtime = int(m.mtime // 1)
        return keep(m)
    extra = {'pax_headers': {'gname': 'everybody', 'comment': 'x'}} if name == 'pax' else {}
    with tarfile.open('py-' + name + '.tar', 'w', format=form, **extra) as t:
        t.add('t', filter=whole)
EOT`)
  for (const name of ['ustar', 'gnu', 'pax']) expect(await compare(`py-${name}.tar`)).toBeGreaterThan(14)
  for (const { member } of (await read('py-pax.tar')).values()) expect(member.gname).toBe('everybody')
})
