import { fail } from '#base'
import type { ServeRequest } from '#engine'
import { command, type Command, type Options, type Values } from '../../command.ts'
import { note, print } from '../../output.ts'
import { readConfig, storageFlags, storageOf } from './config.ts'

const serveFlags = {
  address: { type: 'string', help: 'Listen on HOST:PORT (default 127.0.0.1:5000; port 0 is any free one)' },
  'client-ca': { type: 'string', help: 'Let in only clients with a certificate of this authority', complete: 'file' },
  config: {
    type: 'string',
    help: 'Read the configuration from a file (JSON or YAML); flags come before it',
    complete: 'file',
  },
  htpasswd: { type: 'string', help: 'Let in only users of this file; see "cairn registry htpasswd"', complete: 'file' },
  log: {
    type: 'string',
    help: 'Log a line for each request to standard error (json|none)',
    complete: ['json', 'none'],
  },
  'read-only': { type: 'boolean', help: 'Serve what is there, take nothing' },
  ...storageFlags,
  'tls-cert': { type: 'string', help: 'Certificate (PEM)', complete: 'file' },
  'tls-key': { type: 'string', help: 'Its key (PEM)', complete: 'file' },
} as const satisfies Options

export const registryServe: Command = command({
  usage: '[OPTIONS]',
  summary: 'Serve a registry until it is interrupted',
  options: serveFlags,
  max: 0,
  run: async (context, values) => {
    const node = await context.node()
    const request = serveRequest(values)
    const registry = await node.registries.serve(request)
    print(`Listening on ${registry.url}`)
    const open = !request.auth && !request.tls?.clientCa && !request.readOnly
    if (open && !/\/\/(?:127\.|localhost|\[::1\])/.test(registry.url))
      note(
        'WARNING! Everybody who can reach this address may push and delete. Use --htpasswd, --client-ca or --read-only.',
      )
    await new Promise<void>((done) => {
      if (context.signal.aborted) done()
      context.signal.addEventListener('abort', () => done(), { once: true })
    })
    await registry.stop()
  },
})

/** What the file says, and over it what the flags say; the engine checks the whole. */
function serveRequest(values: Values<typeof serveFlags>): ServeRequest {
  const file: ServeRequest = values.config === undefined ? {} : readConfig(values.config)
  const { 'tls-cert': cert, 'tls-key': key, 'client-ca': clientCa } = values
  if ((cert === undefined) !== (key === undefined)) fail('invalid_argument', '--tls-cert and --tls-key go together')
  if (clientCa !== undefined && cert === undefined)
    fail('invalid_argument', '--client-ca needs --tls-cert and --tls-key')
  const log = values.log
  if (log !== undefined && log !== 'json' && log !== 'none') fail('invalid_argument', `--log ${log}: json or none`)
  return {
    ...file,
    ...(values.address === undefined ? {} : addressOf(values.address)),
    ...(cert !== undefined && key !== undefined ? { tls: { cert, key, ...(clientCa ? { clientCa } : {}) } } : {}),
    ...(values.htpasswd === undefined ? {} : { auth: { ...file.auth, htpasswd: values.htpasswd } }),
    ...(values['read-only'] === undefined ? {} : { readOnly: values['read-only'] }),
    ...(log === undefined ? {} : { log }),
    ...storageOf(values),
  }
}

/** `HOST:PORT`, `:PORT` for every address, `[::1]:5000`. */
function addressOf(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text)
  if (!match)
    return fail('invalid_argument', `not an address: ${JSON.stringify(text)}`, { hint: '127.0.0.1:5000, :5000' })
  return { host: match[1] ?? (match[2] || '0.0.0.0'), port: Number(match[3]) }
}
