import { readFileSync } from 'node:fs'
import type { ProcessInfo } from '#engine'

/** What the columns of `ps` need to know of the machine. */
export interface Machine {
  /** Seconds since boot. */
  readonly uptime: number
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Bytes. */
  readonly memory: number
  readonly names: ReadonlyMap<number, string>
}

export interface Column {
  readonly heading: string
  readonly cell: (process: ProcessInfo, machine: Machine) => string
}

/** By the names that procps knows them by; the first of a line is the usual one. */
const COLUMNS: readonly (readonly [names: string, heading: string, cell: Column['cell']])[] = [
  ['pid tgid', 'PID', (p) => `${p.pid}`],
  ['ppid', 'PPID', (p) => `${p.parent}`],
  ['pgid pgrp', 'PGID', (p) => `${p.group}`],
  ['sid sess session', 'SID', (p) => `${p.session}`],
  ['uid euid', 'UID', (p) => `${p.uid}`],
  ['gid egid', 'GID', (p) => `${p.gid}`],
  ['user euser uname', 'USER', (p, { names }) => userName(p.uid, names)],
  ['comm ucmd ucomm', 'COMMAND', (p) => printable(p.command) + (p.state === 'Z' ? ' <defunct>' : '')],
  ['args cmd command', 'COMMAND', commandLine],
  ['tty tt tname', 'TT', (p) => p.tty ?? '?'],
  ['time cputime', 'TIME', (p) => clock(p.cpu)],
  ['bsdtime', 'TIME', (p) => minutes(p.cpu)],
  ['etime', 'ELAPSED', (p, machine) => clock(elapsed(p, machine)).replace(/^00:/, '')],
  ['etimes', 'ELAPSED', (p, machine) => `${Math.floor(elapsed(p, machine))}`],
  ['stime start_time bsdstart', 'STIME', startTime],
  ['pcpu %cpu', '%CPU', (p, machine) => load(p, machine).toFixed(1)],
  ['c', 'C', (p, machine) => `${Math.min(99, Math.floor(load(p, machine)))}`],
  ['pmem %mem', '%MEM', (p, { memory }) => tenths((p.resident * 100) / memory)],
  ['rss rssize rsz', 'RSS', (p) => `${p.resident / 1024}`],
  ['vsz vsize', 'VSZ', (p) => `${p.size / 1024}`],
  ['stat', 'STAT', state],
  ['s state', 'S', (p) => p.state],
  ['ni nice', 'NI', (p) => `${p.nice}`],
  ['pri', 'PRI', (p) => `${19 - p.nice}`],
  ['nlwp thcount', 'NLWP', (p) => `${p.threads}`],
]

/** A column by one of its names; undefined for a name that is not known. */
export function columnOf(name: string, heading?: string): Column | undefined {
  const found = COLUMNS.find(([names]) => names.split(' ').includes(name.toLowerCase()))
  return found && { heading: heading ?? found[1], cell: found[2] }
}

export function machine(): Machine {
  const [uptime = ''] = readFileSync('/proc/uptime', 'utf8').split(' ')
  const total = /^MemTotal:\s*(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? '1'
  return { uptime: Number(uptime), now: Date.now(), memory: Number(total) * 1024, names: users() }
}

function users(): ReadonlyMap<number, string> {
  try {
    const rows = readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
    return new Map(rows.reverse().map(([name = '', , uid]) => [Number(uid), name]))
  } catch {
    return new Map()
  }
}

/** As wide as procps makes it. */
function userName(uid: number, names: ReadonlyMap<number, string>): string {
  const name = names.get(uid) ?? `${uid}`
  return name.length > 8 ? `${name.slice(0, 7)}+` : name
}

function commandLine({ args, command, state }: ProcessInfo): string {
  const defunct = state === 'Z' ? ' <defunct>' : ''
  return printable(args.length > 0 ? args.join(' ') : `[${command}]`) + defunct
}

/** What a container calls its processes goes to a terminal: nothing in it moves the cursor. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu, '?')
}

function elapsed({ started }: ProcessInfo, { uptime }: Machine): number {
  return Math.max(0, uptime - started)
}

/** Percent of one processor, over its whole life. */
function load(process: ProcessInfo, machine: Machine): number {
  const seconds = elapsed(process, machine)
  return seconds === 0 ? 0 : Math.floor((process.cpu * 1000) / seconds) / 10
}

function tenths(value: number): string {
  return (Math.floor(value * 10) / 10).toFixed(1)
}

/** `[DD-]HH:MM:SS` */
function clock(seconds: number): string {
  const whole = Math.floor(seconds)
  const two = (value: number): string => String(value % 60).padStart(2, '0')
  const days = Math.floor(whole / 86_400)
  const hours = String(Math.floor(whole / 3600) % 24).padStart(2, '0')
  return `${days > 0 ? `${days}-` : ''}${hours}:${two(Math.floor(whole / 60))}:${two(whole)}`
}

function minutes(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds) % 60).padStart(2, '0')}`
}

/** The time of a process that began today, else its day, else its year. */
function startTime({ started }: ProcessInfo, { uptime, now }: Machine): string {
  const date = new Date(now - (uptime - started) * 1000)
  const today = new Date(now)
  if (date.toDateString() === today.toDateString())
    return `${String(date.getHours()).padStart(2, '0')}:${String(date.getMinutes()).padStart(2, '0')}`
  if (date.getFullYear() !== today.getFullYear()) return `${date.getFullYear()}`
  return date.toDateString().slice(4, 10).replace(' ', '')
}

/** The state, and what ps(1) adds to it under "PROCESS STATE CODES". */
function state({ state: letter, nice, locked, session, pid, threads, foreground }: ProcessInfo): string {
  return [
    letter,
    nice < 0 ? '<' : nice > 0 ? 'N' : '',
    locked ? 'L' : '',
    session === pid ? 's' : '',
    threads > 1 ? 'l' : '',
    foreground ? '+' : '',
  ].join('')
}
