import { lstatSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { fail } from '#base'
import type { SecretSource, SshSource } from '#engine'
import { csvFields } from '../csv.ts'

/** `--secret id=ID[,src=FILE][,env=NAME][,type=file|env]`; without a source, a variable of the id's name, else such a file. */
export function parseSecret(text: string): readonly [string, SecretSource] {
  const wrong = (what: string): never =>
    fail('invalid_argument', `--secret ${what}`, { hint: 'write --secret id=ID,src=FILE or --secret id=ID,env=NAME' })
  const given = new Map(
    csvFields(text).map((field) => {
      const equals = field.indexOf('=')
      if (equals < 0) wrong(`has the field ${JSON.stringify(field)}, which is no key=value pair`)
      return [field.slice(0, equals).toLowerCase(), field.slice(equals + 1)] as const
    }),
  )
  for (const key of given.keys())
    if (!['id', 'src', 'source', 'env', 'type'].includes(key)) wrong(`has the unknown key ${JSON.stringify(key)}`)
  const id = given.get('id') || wrong('has no id')
  const type = given.get('type')
  if (type !== undefined && type !== 'file' && type !== 'env') wrong(`has the unsupported type ${JSON.stringify(type)}`)
  const source = given.get('src') ?? given.get('source')
  const env = given.get('env') ?? (type === 'env' ? (source ?? id) : undefined)
  if (env !== undefined) return [id, { env }]
  if (source === undefined && type === undefined && process.env[id] !== undefined) return [id, { env: id }]
  const file = resolve(source ?? id)
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) wrong(`id=${id}: there is no file ${file}`)
  return [id, { file }]
}

/** `--ssh default|ID[=SOCKET|KEY[,KEY…]]`. */
export function parseSsh(text: string): readonly [string, SshSource] {
  const equals = text.indexOf('=')
  const id = equals < 0 ? text : text.slice(0, equals)
  if (id === '') fail('invalid_argument', `invalid --ssh ${JSON.stringify(text)}: it has no id`)
  const paths =
    equals < 0
      ? []
      : text
          .slice(equals + 1)
          .split(',')
          .filter(Boolean)
  if (paths.length === 0) return [id, { socket: ownAgent(id) }]
  const files = paths.map((path) => resolve(path))
  const sockets = files.filter(isSocket)
  if (sockets.length > 0 && files.length > 1)
    fail('invalid_argument', `--ssh ${id}: an agent's socket stands alone, not beside others`)
  return [id, sockets.length > 0 ? { socket: sockets[0]! } : { keys: files }]
}

function ownAgent(id: string): string {
  const socket = process.env['SSH_AUTH_SOCK']
  if (!socket)
    fail('invalid_argument', `--ssh ${id}: no agent is running: SSH_AUTH_SOCK is not set`, {
      hint: `start one: eval $(ssh-agent); ssh-add, or name a key: --ssh ${id}=FILE`,
    })
  return socket
}

function isSocket(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (!stat) fail('not_found', `--ssh: there is no ${path}`)
  return statSync(path).isSocket()
}
