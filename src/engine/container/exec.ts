import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fail, isCode, messageOf, type Call } from '#base'
import {
  capabilitySets,
  hostFacts,
  joinUserManager,
  preflightExec,
  resolveUser,
  StartFailure,
  type Exit,
  type ProcessSpec,
  type RuntimeSpec,
} from '#runtime'
import { inUserNamespace, windowSize } from '#sys'
import type { Parts } from '../parts.ts'
import type { CallerIo, ExecOptions } from '../types.ts'
import { attachTo } from './attach.ts'
import { firstProcess } from './joined.ts'
import { newId } from './name.ts'
import { mergeEnv } from './resolve.ts'
import { passStdio } from './stdio.ts'
import type { ContainerRecord } from './table.ts'

/** Runs another process in a running container; resolves with its exit, or at once when detached. */
export async function exec(parts: Parts, ref: string, options: ExecOptions, io: CallerIo, call?: Call): Promise<Exit> {
  const record = parts.containers.find(ref)
  if (record.state === 'paused')
    fail('failed_precondition', `container ${record.name} is paused, unpause the container before exec`)
  if (record.state !== 'running')
    fail('failed_precondition', `container ${record.name} is not running`, {
      hint: `start it: cairn start ${record.name}`,
    })
  const root = await rootOf(parts, record)
  const spec = readSpec(parts, record)
  const process = processOf(spec.process, record, root, options, io)
  const early = preflightExec(root, process)
  if (early) throw early
  if (spec.linux.cgroupsPath !== undefined && inUserNamespace()) await joinUserManager()
  if (options.tty || options.detach) return monitored(parts, record, process, options, io, call)
  const runtime = await parts.runtime(record.config.options.runtime)
  using stdio = passStdio(io)
  const exit = await runtime.exec(record.id, process, stdio.io, call)
  await stdio.drain()
  return exit
}

/** A terminal needs somebody who gives it a size, and a detached process somebody who stays: a monitor of its own. */
async function monitored(
  parts: Parts,
  record: ContainerRecord,
  process: ProcessSpec,
  options: ExecOptions,
  io: CallerIo,
  call?: Call,
): Promise<Exit> {
  const { id, config } = record
  const name = newId()
  const dir = join(parts.paths.running(id), 'exec', name)
  const monitor = await parts.monitor(await parts.runtime(config.options.runtime))
  const session = await monitor.exec(
    id,
    process,
    {
      dir,
      name,
      logPath: '',
      terminal: options.tty === true,
      stdin: options.stdin === true,
      keepStdin: options.tty === true,
      exitCommand: options.detach ? ['/bin/rm', '-rf', dir] : [],
    },
    call,
  )
  if (options.detach) {
    await session.start(call)
    return { code: 0 }
  }
  const client = await attachTo(
    { monitor, dir, tty: options.tty === true, wait: () => monitor.wait(dir, call) },
    io,
    call,
  )
  try {
    await session.start(call)
    client.started()
    return await client.ended
  } finally {
    client[Symbol.dispose]()
    rmSync(dir, { recursive: true, force: true })
  }
}

/** The container's own process with another command, as Docker's exec has it. */
function processOf(
  own: ProcessSpec,
  record: ContainerRecord,
  root: string,
  options: ExecOptions,
  io: CallerIo,
): ProcessSpec {
  const user = options.user === undefined ? undefined : userIn(root, options.user)
  const uid = user?.uid ?? own.user.uid
  const capabilities = options.privileged ? hostFacts().capabilities : (own.capabilities?.bounding ?? [])
  const size = options.tty && io.terminal ? windowSize(io.terminal.fd) : undefined
  const cwd = options.workdir ?? own.cwd
  if (!cwd.startsWith('/')) fail('invalid_argument', `the working directory '${cwd}' is not an absolute path`)
  // The image's HOME stays; one that was filled in belongs to the container's user.
  const home = user && !record.config.env.some((entry) => entry.startsWith('HOME=')) ? [`HOME=${user.home}`] : []
  const { consoleSize: _, ...rest } = own
  return {
    ...rest,
    terminal: options.tty === true,
    ...(size && { consoleSize: { height: size.rows, width: size.columns } }),
    args: options.command,
    env: mergeEnv(own.env, options.tty ? ['TERM=xterm'] : [], home, options.env ?? []),
    cwd,
    user: user ? { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids } : own.user,
    capabilities: capabilitySets(capabilities, uid),
  }
}

/** 126, as Docker has it: the command cannot be invoked as that user. */
function userIn(root: string, name: string): ReturnType<typeof resolveUser> {
  try {
    return resolveUser(root, name)
  } catch (error) {
    if (!isCode(error, 'invalid_argument')) throw error
    throw new StartFailure(126, 'invalid_argument', messageOf(error), { cause: error })
  }
}

/** The config.json that the container was created with. */
function readSpec(parts: Parts, { id, name }: ContainerRecord): RuntimeSpec {
  try {
    return JSON.parse(readFileSync(join(parts.paths.running(id), 'config.json'), 'utf8')) as RuntimeSpec
  } catch (cause) {
    return fail('failed_precondition', `container ${name} is not running`, { cause })
  }
}

/** The container's root as its first process sees it. */
async function rootOf(parts: Parts, record: ContainerRecord): Promise<string> {
  const pid = await firstProcess(parts, record)
  if (pid === undefined) fail('failed_precondition', `container ${record.id.slice(0, 12)} is not running`)
  return `/proc/${pid}/root`
}
