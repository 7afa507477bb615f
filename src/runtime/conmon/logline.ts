/** One line, or a piece of a long one, that a container wrote. */
export interface LogRecord {
  readonly stream: 'stdout' | 'stderr'
  /** RFC 3339 in UTC with nanoseconds. */
  readonly time: string
  /** With its newline, where it had one. */
  readonly data: Uint8Array
}

const SPACE = 0x20
const NEWLINE = 0x0a

/**
 * One line of a k8s-file log: `TIME stdout|stderr F|P TEXT`, where P says that no newline
 * followed the text. `line` ends with the log's own newline. Undefined for anything else: a line torn by
 * a full disk is skipped, not fatal.
 */
export function parseLogLine(line: Uint8Array): LogRecord | undefined {
  const afterTime = line.indexOf(SPACE)
  const afterStream = line.indexOf(SPACE, afterTime + 1)
  if (afterTime < 0 || afterStream < 0) return undefined
  const stream = ascii(line.subarray(afterTime + 1, afterStream))
  const tag = line[afterStream + 1]
  const time = utc(ascii(line.subarray(0, afterTime)))
  if ((stream !== 'stdout' && stream !== 'stderr') || time === undefined) return undefined
  if (line[afterStream + 2] !== SPACE || (tag !== 0x46 && tag !== 0x50)) return undefined
  const end = tag === 0x46 ? line.length : line.length - 1
  return { stream, time, data: line.subarray(afterStream + 3, end) }
}

/** Whether a log line ends a line of the container's: what `tail` counts. */
export function endsLine(line: Uint8Array): boolean {
  const afterStream = line.indexOf(SPACE, line.indexOf(SPACE) + 1)
  return line[afterStream + 1] === 0x46 && line.at(-1) === NEWLINE
}

function ascii(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, 64))
}

const TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/

/** The same instant in UTC, nanoseconds kept. */
function utc(time: string): string | undefined {
  const match = TIME.exec(time)
  if (!match) return undefined
  const [, seconds = '', fraction = '', zone = 'Z'] = match
  const nanoseconds = fraction.padEnd(9, '0')
  if (zone === 'Z' || zone === '+00:00') return `${seconds}.${nanoseconds}Z`
  const instant = Date.parse(`${seconds}${zone}`)
  return Number.isNaN(instant) ? undefined : `${new Date(instant).toISOString().slice(0, 19)}.${nanoseconds}Z`
}

/** Milliseconds since the epoch of a record's time. */
export function millisecondsOf(time: string): number {
  return Date.parse(`${time.slice(0, 23)}Z`)
}
