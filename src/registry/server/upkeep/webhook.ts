import type { WebhookConfig } from '../configtypes.ts'
import type { RegistryEvent } from '../http/service.ts'
import type { Metrics } from '../metrics.ts'

/** Tells others what happened, in order, without holding up the request that did it. */
export interface Webhooks {
  send(event: RegistryEvent): void
  /** Resolves when what waits was sent, or given up. */
  close(): Promise<void>
}

/** Events that wait for a slow receiver; what comes beyond is dropped and counted. */
const WAITING = 10_000
const TRIES = 4
const TIMEOUT_MS = 10_000
const FIRST_PAUSE_MS = 500

export function openWebhooks(configs: readonly WebhookConfig[], metrics: Metrics): Webhooks {
  const closing = new AbortController()
  const hooks = configs.map((config) => openHook(config, metrics, closing.signal))
  return {
    send: (event) => {
      for (const hook of hooks) hook.send(event)
    },
    close: async () => {
      closing.abort()
      await Promise.all(hooks.map((hook) => hook.idle()))
    },
  }
}

interface Hook {
  send(event: RegistryEvent): void
  idle(): Promise<void>
}

function openHook(config: WebhookConfig, metrics: Metrics, closing: AbortSignal): Hook {
  let waiting = 0
  let tail = Promise.resolve()
  const failed = (): void => metrics.add('cairn_registry_webhook_failures_total', 1)
  return {
    send: (event) => {
      if (!config.actions.includes(event.action)) return
      if (waiting >= WAITING) return failed()
      waiting++
      const body = JSON.stringify({ id: crypto.randomUUID(), time: new Date().toISOString(), ...event })
      tail = tail
        .then(() => deliver(config, body, closing))
        .catch(failed)
        .finally(() => waiting--)
    },
    idle: () => tail,
  }
}

/** Tries with growing pauses; while the server stops only once more, without pauses. */
async function deliver(config: WebhookConfig, body: string, closing: AbortSignal): Promise<void> {
  const headers: Record<string, string> = { 'content-type': 'application/json', ...config.headers }
  if (config.secret !== undefined) {
    const mac = new Bun.CryptoHasher('sha256', config.secret).update(body).digest('hex')
    headers['x-cairn-signature'] = `sha256=${mac}`
  }
  for (let attempt = 1; ; attempt++) {
    const last = attempt === TRIES || closing.aborted
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS)
      const response = await fetch(config.url, { method: 'POST', headers, body, redirect: 'manual', signal })
      await response.body?.cancel()
      if (response.ok) return
      throw new Error(`the receiver answered ${response.status}`)
    } catch (error) {
      if (last) throw error
    }
    await pause(FIRST_PAUSE_MS * 4 ** (attempt - 1), closing)
  }
}

function pause(ms: number, closing: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  closing.addEventListener('abort', () => resolve(), { once: true })
  return promise.finally(() => clearTimeout(timer))
}
