import { collect, fail, text } from '#base'
import { command, type Command } from '../command.ts'
import { readInput } from '../input.ts'
import { note, print, write } from '../output.ts'
import { isTerminal } from '../terminal.ts'

/** Bytes of a password on standard input. */
const LIMIT = 64 << 10

export const login: Command = command({
  usage: '[OPTIONS] [SERVER]',
  summary: 'Authenticate to a registry',
  options: {
    password: { type: 'string', short: 'p', help: 'Password (insecure: --password-stdin keeps it out of sight)' },
    'password-stdin': { type: 'boolean', help: 'Take the Password from stdin' },
    username: { type: 'string', short: 'u', help: 'Username' },
  },
  max: 1,
  run: async (context, values, [server = 'docker.io']) => {
    const fromInput = values['password-stdin'] === true
    if (values.password !== undefined && fromInput)
      fail('invalid_argument', '--password and --password-stdin are mutually exclusive')
    if (fromInput && values.username === undefined)
      fail('invalid_argument', 'must provide --username with --password-stdin')
    if (values.password !== undefined) note('WARNING! Using --password via the CLI is insecure. Use --password-stdin.')
    const username = values.username ?? (await ask('Username: ', true))
    const password = values.password ?? (fromInput ? await standardInput() : await ask('Password: ', false))
    if (username === '' || password === '') fail('invalid_argument', 'a username and a password are needed')
    const node = await context.node()
    const stored = await node.registries.login(server, { username, password }, { signal: context.signal })
    if (stored.warning) note(`WARNING! ${stored.warning}`)
    print('Login Succeeded')
  },
})

export const logout: Command = command({
  usage: '[SERVER]',
  summary: 'Log out from a registry',
  options: { all: { type: 'boolean', short: 'a', help: 'Remove the credentials of every registry' } },
  max: 1,
  run: async (context, values, words) => {
    const { registries } = await context.node()
    const call = { signal: context.signal }
    const [server = 'docker.io'] = words
    if (values.all) {
      if (words.length > 0) fail('invalid_argument', '--all and a server: not both')
      const gone = await registries.logoutAll(call)
      for (const name of gone) print(`Removing login credentials for ${name}`)
      if (gone.length === 0) print('Not logged in anywhere')
      return
    }
    const known = await registries.logout(server, call)
    print(known ? `Removing login credentials for ${server}` : `Not logged in to ${server}`)
  },
})

async function standardInput(): Promise<string> {
  return text(await collect(readInput('-'), LIMIT)).replace(/\r?\n$/, '')
}

/** A line typed at the terminal; one that nobody sees unless `echo`. */
async function ask(question: string, echo: boolean): Promise<string> {
  if (!isTerminal(0))
    fail('invalid_argument', 'cannot ask for a login: standard input is no terminal', {
      hint: 'use --username and --password-stdin',
    })
  write(2, question)
  const { stdin } = process
  stdin.setRawMode(true)
  try {
    return await typed(stdin, echo)
  } finally {
    stdin.setRawMode(false)
    stdin.pause()
    write(2, '\n')
  }
}

function typed(stdin: NodeJS.ReadStream, echo: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    let line = ''
    const onData = (data: Buffer): void => {
      for (const letter of data.toString('utf8')) {
        if (letter === '\r' || letter === '\n' || letter === '\x04') return settle(() => resolve(line))
        if (letter === '\x03') return settle(() => reject(new Error('interrupted')))
        if (letter === '\x7f' || letter === '\b') {
          if (echo && line !== '') write(2, '\b \b')
          line = Array.from(line).slice(0, -1).join('')
        } else {
          line += letter
          if (echo) write(2, letter)
        }
      }
    }
    const settle = (end: () => void): void => {
      stdin.off('data', onData)
      end()
    }
    stdin.on('data', onData)
  })
}
