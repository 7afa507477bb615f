import { chmodSync, existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { collect, fail, reasonOf, text } from '#base'
import { command, type Command } from '../../command.ts'
import { readInput } from '../../input.ts'
import { print } from '../../output.ts'

/** Bytes of a password on standard input; bcrypt sees 72 of them. */
const LIMIT = 64 << 10
const BCRYPT_BYTES = 72
const COST = 10

export const registryHtpasswd: Command = command({
  usage: '[OPTIONS] FILE USER',
  summary: 'Add a user to a password file, or change or remove one; the password is read from standard input',
  options: { remove: { type: 'boolean', help: 'Remove the user' } },
  min: 2,
  max: 2,
  run: async (_context, values, [file, user]) => {
    if (!/^[^:\s]{1,255}$/.test(user!)) fail('invalid_argument', `not a user name: ${JSON.stringify(user)}`)
    const lines = linesOf(file!)
    const others = lines.filter((line) => !line.startsWith(`${user}:`))
    const known = others.length < lines.length
    if (values.remove) {
      if (!known) fail('not_found', `${file} has no user ${user}`)
      replace(file!, others)
      return print(`Removed ${user}`)
    }
    const hash = await Bun.password.hash(await passwordFromInput(), { algorithm: 'bcrypt', cost: COST })
    replace(file!, [...others, `${user}:${hash}`])
    print(`${known ? 'Changed' : 'Added'} ${user}`)
  },
})

async function passwordFromInput(): Promise<string> {
  const password = text(await collect(readInput('-'), LIMIT)).replace(/\r?\n$/, '')
  if (password === '') fail('invalid_argument', 'the password is empty', { hint: 'give it on standard input' })
  if (Buffer.byteLength(password) > BCRYPT_BYTES)
    fail('invalid_argument', `the password is longer than ${BCRYPT_BYTES} bytes`)
  return password
}

function linesOf(file: string): readonly string[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
}

/** A server that reads the file meanwhile sees the old one or the new one. */
function replace(file: string, lines: readonly string[]): void {
  const temporary = `${file}.${process.pid}`
  // What a killed process left: in a container the next one often has its number.
  rmSync(temporary, { force: true })
  try {
    writeFileSync(temporary, lines.map((line) => `${line}\n`).join(''), { mode: 0o600, flush: true, flag: 'wx' })
    if (existsSync(file)) chmodSync(temporary, statSync(file).mode & 0o777)
    renameSync(temporary, file)
  } catch (error) {
    fail('permission_denied', `cannot write ${file}: ${reasonOf(error)}`)
  }
}
