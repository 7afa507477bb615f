"""An image that is hard to carry, as `docker save` writes it, and what two exports of its containers differ in.

hardimage.py docker|oci BUSYBOX OUT   before Docker 25, and since then (an OCI layout with a manifest.json beside it)
hardimage.py compare A B              a line for each difference; nothing where there is none
"""

import hashlib, io, json, sys, tarfile

DIR, LINK, HARD, CHR, BLK, FIFO = (
    tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
# security.capability: cap_net_bind_service=ep, revision 2.
CAPABILITY = '\x01\0\0\x02\0\x04' + '\0' * 14


def add(tar, name, data=b'', xattrs={}, **fields):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in {'mode': 0o644, **fields}.items():
        setattr(info, key, value)
    info.pax_headers = {'SCHILY.xattr.' + key: value for key, value in xattrs.items()}
    tar.addfile(info, io.BytesIO(data))


def layer(*entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w', format=tarfile.PAX_FORMAT, errors='surrogateescape') as tar:
        for name, fields in entries:
            add(tar, name, **fields)
    return out.getvalue()


def directory(name, mode=0o755, **fields):
    return name, {'type': DIR, 'mode': mode, **fields}


def file(name, data=b'x', **fields):
    return name, {'data': data, **fields}


def special(name, type, **fields):
    return name, {'type': type, **fields}


def layers(busybox):
    applets = 'sh cat ls stat wc echo true'.split()
    deep = ['deep' + ''.join('/' + 'p' * 200 for _ in range(levels)) for levels in range(18)]
    base = layer(
        directory('usr'), directory('usr/bin'), special('bin', LINK, linkname='usr/bin'),
        file('usr/bin/busybox', busybox, mode=0o755),
        *[special('usr/bin/' + name, HARD, linkname='usr/bin/busybox', mode=0o755) for name in applets],
        directory('etc'), file('etc/passwd', b'root:x:0:0::/root:/bin/sh\n'),
        directory('tmp', 0o1777), directory('proc'), directory('sys'), directory('dev'), directory('run'),
        directory('odd'), *[file('odd/' + name) for name in (
            'new\nline', 'b\udcff\udc80yte', 'n' * 255, 'é😀', ' blank ', '\x01\x1b[31m', '-rf')],
        *[directory(path) for path in deep], file(deep[-1] + '/end'),
        file('setuid', mode=0o4755), file('setgid', mode=0o2755), directory('sticky', 0o1777),
        special('null', CHR, devmajor=1, devminor=3), special('loop', BLK, devmajor=7, devminor=300), special('fifo', FIFO),
        file('big-id', uid=3000000, gid=2200000), file('huge-id', uid=2**31 + 5, gid=2**32 - 2),
        file('before-1970', mtime=-1234.0), file('after-2106', mtime=2**33 + 5), file('fraction', mtime=1600000000.25),
        file('capable', mode=0o755, xattrs={'security.capability': CAPABILITY}),
        file('noted', xattrs={'user.note': 'hello', 'user.bytes': '\udcff\x01'}), directory('noted-dir', xattrs={'user.d': '1'}),
        file('gone'), directory('gone-dir'), file('gone-dir/a'), directory('opaque'), file('opaque/old'),
        file('now-dir', b'was a file'), directory('file-again'), file('file-again/in'),
        file('same', b'1'), special('dangling', LINK, linkname='/nowhere'), special('absolute', LINK, linkname='/etc/passwd'),
        directory('keep'), file('keep/a'), special('keep/b', HARD, linkname='keep/a'), file('empty', b''), file('big', b'0123456789' * 500000),
    )
    changes = layer(
        file('.wh.gone', b''), file('.wh.gone-dir', b''), file('.wh.never', b''), file('implied/.wh.never', b''),
        directory('opaque'), file('opaque/.wh..wh..opq', b''), file('opaque/new'),
        file('.wh.now-dir', b''), directory('now-dir'), file('now-dir/inside'),
        file('.wh.file-again', b''), file('file-again', b'for now'), file('same', b'2'),
    )
    again = layer(
        file('.wh.file-again', b''), file('file-again', b'again'),
        directory('keep'), file('keep/.wh.b', b''), directory('noted-dir', 0o700),
    )
    empty = layer()
    return [base, changes, empty, again, empty]


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def save(form, busybox, out):
    blobs = layers(busybox)
    diff_ids = ['sha256:' + sha256(blob) for blob in blobs]
    config = json.dumps({
        'architecture': 'amd64', 'os': 'linux', 'created': '2020-01-02T03:04:05.678901234Z', 'unknown': {'a': [1, None, 1.5e3]},
        'config': {'Env': ['PATH=/usr/bin:/bin'], 'Cmd': ['sh'], 'Entrypoint': None, 'Labels': None, 'Volumes': None, 'OnBuild': None},
        'rootfs': {'type': 'layers', 'diff_ids': diff_ids},
        'history': [{'created_by': 'base <&>\u2028'}, {'empty_layer': True}, {'created_by': 'changes'}],
    }, ensure_ascii=False).encode()
    names = ['hard:one', 'example.com:5000/hard/two:v2']
    oci = form == 'oci'
    path = lambda digest, end: 'blobs/sha256/' + digest if oci else digest + end
    with tarfile.open(out, 'w') as tar:
        for blob in dict.fromkeys(blobs):
            add(tar, path(sha256(blob), '.tar'), blob)
        add(tar, path(sha256(config), '.json'), config)
        add(tar, 'manifest.json', json.dumps([{
            'Config': path(sha256(config), '.json'), 'RepoTags': names, 'Layers': [path(sha256(blob), '.tar') for blob in blobs]}]).encode())
        if not oci:
            return
        describe = lambda kind, blob: {'mediaType': f'application/vnd.oci.image.{kind}', 'digest': 'sha256:' + sha256(blob), 'size': len(blob)}
        manifest = json.dumps({
            'schemaVersion': 2, 'mediaType': 'application/vnd.oci.image.manifest.v1+json',
            'config': describe('config.v1+json', config), 'layers': [describe('layer.v1.tar', blob) for blob in blobs]}).encode()
        add(tar, path(sha256(manifest), ''), manifest)
        full = ['docker.io/library/hard:one', names[1]]
        add(tar, 'index.json', json.dumps({'schemaVersion': 2, 'manifests': [
            {**describe('manifest.v1+json', manifest), 'annotations': {
                'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name.rsplit(':', 1)[1]}} for name in full]}).encode())
        add(tar, 'oci-layout', b'{"imageLayoutVersion":"1.0.0"}')


# What engines put into a container, a directory that no layer describes, and a time that others cannot hold.
MADE = ('dev', 'etc', 'proc', 'run', 'sys', '.dockerenv', 'implied')


def listing(path):
    found = {}
    with tarfile.open(path, errors='surrogateescape') as tar:
        for member in tar:
            name = member.name.strip('/').removeprefix('./')
            if name in ('', '.') or name.split('/')[0] in MADE:
                continue
            target = member.linkname.strip('/').removeprefix('./')
            if member.islnk():
                content = found[target]['content']
            else:
                content = sha256(tar.extractfile(member).read()) if member.isreg() else member.linkname
            found[name] = {
                'type': 'file' if member.islnk() else member.type, 'content': content, 'mode': member.mode & 0o7777,
                'owner': (member.uid, member.gid), 'device': (member.devmajor, member.devminor) if member.isdev() else None,
                'time': max(0, int(member.mtime)), 'capability': member.pax_headers.get('SCHILY.xattr.security.capability'),
            }
            if member.isreg():
                found[name]['type'] = 'file'
    return found


def compare(a, b):
    one, two = listing(a), listing(b)
    for name in sorted(one.keys() | two.keys()):
        if one.get(name) != two.get(name):
            print(ascii(name), one.get(name), two.get(name))


command, *arguments = sys.argv[1:]
if command == 'compare':
    compare(*arguments)
else:
    save(command, open(arguments[0], 'rb').read(), arguments[1])
