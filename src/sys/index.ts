export { errnoOf, isErrno, kernelError } from './errno.ts'
export { bindOver } from './bind.ts'
export { close, fileSystem, FileSystemMagic, memfd, pipe, redirect, setNonBlocking, startWriteback } from './file.ts'
export { recordingKernel } from './kernel.ts'
export { lock, tryLock } from './lock.ts'
export type { FileLock } from './lock.ts'
export { attachLoop } from './loop.ts'
export { applyMounts, mountPoints, unmount } from './mount.ts'
export { enterPrivateMounts, hasSyscall, inNetns, inPrivateMounts, newNetns } from './namespace.ts'
export {
  AT_FDCWD,
  chmodAt,
  chownAt,
  eachName,
  FileType,
  linkAt,
  lstat,
  mkdirAt,
  mknodAt,
  O,
  openIn,
  openPath,
  readlinkAt,
  renameAt,
  setTimes,
  setTimesAt,
  statAt,
  symlinkAt,
  unlinkAt,
} from './openat.ts'
export type { Stat } from './openat.ts'
export { ready } from './poll.ts'
export { openRegular, readRegular } from './regular.ts'
export {
  bootId,
  exitNow,
  getResourceLimit,
  kill,
  processAlive,
  processEnd,
  processStartTime,
  Resource,
} from './process.ts'
export {
  AF_INET,
  AF_INET6,
  bind,
  connectUnixSeqpacket,
  netlinkSocket,
  recv,
  send,
  setSocketOption,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  socket,
} from './socket.ts'
export { processInfo } from './processinfo.ts'
export type { ProcessInfo } from './processinfo.ts'
export { openReadonlyExecutable } from './readonlyexecutable.ts'
export { canMount } from './trymount.ts'
export { isTerminal, makeRaw, setTerminal, windowSize } from './tty.ts'
export type { Mount } from './types.ts'
export { getXattr, listXattrs, readXattrs, removeXattr, setXattr } from './xattr.ts'
export { inUserNamespace, outerUser } from './usernamespace.ts'
