export { Errno, errnoOf, isErrno, kernelError } from './errno.ts'
export type { ErrnoName } from './errno.ts'
export {
  close,
  copyFileRange,
  fileSystem,
  FileSystemMagic,
  memfd,
  pipe,
  setCloseOnExec,
  setNonBlocking,
  setPipeSize,
  startWriteback,
} from './file.ts'
export type { FileSystemInfo } from './file.ts'
export { realKernel, recordingKernel } from './kernel.ts'
export type { Kernel, RecordingKernel } from './kernel.ts'
export { lock, tryLock } from './lock.ts'
export type { FileLock, LockOptions } from './lock.ts'
export { attachLoop } from './loop.ts'
export type { LoopDevice } from './loop.ts'
export {
  applyMounts,
  mountPoints,
  MS_BIND,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REC,
  MS_SHARED,
  MS_SLAVE,
  unmount,
} from './mount.ts'
export type { UnmountOptions } from './mount.ts'
export {
  CLONE_NEWNET,
  CLONE_NEWNS,
  enterPrivateMounts,
  hasSyscall,
  inNetns,
  inPrivateMounts,
  newNetns,
  setns,
  unshare,
} from './namespace.ts'
export {
  AT_FDCWD,
  chmodAt,
  chownAt,
  deviceNumber,
  FileType,
  linkAt,
  linkFd,
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
export type { OpenInOptions, Stat } from './openat.ts'
export { ready } from './poll.ts'
export {
  bootId,
  exitNow,
  getResourceLimit,
  kill,
  pidfdOpen,
  processAlive,
  processEnd,
  processStartTime,
  Resource,
  setChildSubreaper,
  setNoNewPrivileges,
  setParentDeathSignal,
  setResourceLimit,
  waitPidfd,
} from './process.ts'
export type { ResourceLimit } from './process.ts'
export {
  AF_INET,
  AF_INET6,
  AF_NETLINK,
  AF_UNIX,
  bind,
  connect,
  connectUnixSeqpacket,
  listen,
  netlinkSocket,
  peerCredentials,
  recv,
  send,
  setSocketOption,
  shutdownWrite,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  socket,
  unixAddress,
} from './socket.ts'
export { openReadonlyExecutable } from './readonlyexecutable.ts'
export type { ReadonlyExecutable } from './readonlyexecutable.ts'
export { canMount } from './trymount.ts'
export { getTerminal, isTerminal, makeRaw, setTerminal, setWindowSize, windowSize } from './tty.ts'
export type { TerminalState, WindowSize } from './tty.ts'
export type { BindMount, ErofsMount, Mount, OverlayMount, TmpfsMount } from './types.ts'
export { getXattr, listXattrs, readXattrs, removeXattr, setXattr } from './xattr.ts'
export type { XattrTarget } from './xattr.ts'
export { inUserNamespace } from './usernamespace.ts'
