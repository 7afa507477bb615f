import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fail, reasonOf } from '#base'
import type { ServeRequest } from '#engine'
import { command, type Command, type Options, type Values } from '../command.ts'
import { print } from '../output.ts'

const serveFlags = {
  address: { type: 'string', help: 'Listen on HOST:PORT (default 127.0.0.1:5000; port 0 is any free one)' },
  'client-ca': { type: 'string', help: 'Only clients with a certificate of this authority', complete: 'file' },
  config: { type: 'string', help: 'Read the configuration from a file (JSON or YAML)', complete: 'file' },
  htpasswd: { type: 'string', help: 'Only users of this file (bcrypt)', complete: 'file' },
  log: { type: 'string', help: 'Log requests to standard error (json|none)', complete: ['json', 'none'] },
  'read-only': { type: 'boolean', help: 'Serve, but take nothing' },
  storage: { type: 'string', help: 'Keep everything in this directory', complete: 'directory' },
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
    const registry = await node.registries.serve(serveRequest(values))
    print(`Listening on ${registry.url}`)
    await new Promise<void>((done) => {
      if (context.signal.aborted) done()
      context.signal.addEventListener('abort', () => done(), { once: true })
    })
    await registry.stop()
  },
})

export const registryCheck: Command = command({
  usage: '[OPTIONS] URL',
  summary: 'Check any registry against the distribution-spec; writes to two repositories of its own there',
  options: { quiet: { type: 'boolean', short: 'q', help: 'Only what fails' } },
  min: 1,
  max: 1,
  run: async (context, values, [url]) => {
    const node = await context.node()
    const { passed, failed, skipped } = await node.registries.check(
      url!,
      ({ name, status, reason }) => {
        if (status === 'fail' || !values.quiet) print(`${status}  ${name}${reason ? `: ${reason}` : ''}`)
      },
      { signal: context.signal },
    )
    print(`${passed} passed, ${failed} failed, ${skipped} skipped`)
    return failed === 0 ? 0 : 1
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
    ...(values.storage === undefined ? {} : { storage: { kind: 'directory', root: resolve(values.storage) } }),
  }
}

function readConfig(path: string): ServeRequest {
  try {
    const config: unknown = Bun.YAML.parse(readFileSync(path, 'utf8'))
    if (typeof config !== 'object' || config === null || Array.isArray(config)) throw new Error('not an object')
    return config
  } catch (error) {
    return fail('invalid_argument', `cannot read ${path}: ${reasonOf(error)}`, { cause: error })
  }
}

/** `HOST:PORT`, `:PORT` for every address, `[::1]:5000`. */
function addressOf(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text)
  if (!match)
    return fail('invalid_argument', `not an address: ${JSON.stringify(text)}`, { hint: '127.0.0.1:5000, :5000' })
  return { host: match[1] ?? (match[2] || '0.0.0.0'), port: Number(match[3]) }
}
