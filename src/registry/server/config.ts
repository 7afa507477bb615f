import { fail } from '#base'
import * as v from 'valibot'
import type { ResolvedConfig } from './configtypes.ts'

const positive = v.pipe(v.number(), v.safeInteger(), v.minValue(1))
const counted = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const text = v.pipe(v.string(), v.minLength(1))
const action = v.picklist(['pull', 'push', 'delete'])
const pattern = v.pipe(v.string(), v.regex(/^[a-z0-9._/*-]+$/, 'a pattern of a repository: a name with * and **'))

const rule = v.strictObject({
  repositories: v.array(pattern),
  users: v.array(text),
  allow: v.array(action),
})

const auth = v.strictObject({
  htpasswd: v.exactOptional(text),
  scheme: v.optional(v.picklist(['basic', 'token']), 'basic'),
  rules: v.exactOptional(v.array(rule)),
  tokenSeconds: v.optional(v.pipe(positive, v.maxValue(86_400)), 300),
  refreshDays: v.optional(v.pipe(counted, v.maxValue(3650)), 90),
  realm: v.exactOptional(v.pipe(v.string(), v.url())),
})

const upstream = v.strictObject({
  prefix: v.optional(v.pipe(v.string(), v.regex(/^(?:[a-z0-9._-]+\/)*$/, 'empty, or names that each end in /')), ''),
  url: v.pipe(v.string(), v.url(), v.regex(/^https?:/, 'http or https')),
  username: v.exactOptional(text),
  password: v.exactOptional(text),
  freshSeconds: v.optional(counted, 60),
})

const retention = v.strictObject({
  repositories: v.array(pattern),
  tags: v.exactOptional(v.array(text)),
  keepLast: v.exactOptional(counted),
  keepDays: v.exactOptional(counted),
  untaggedDays: v.exactOptional(counted),
})

const webhook = v.strictObject({
  url: v.pipe(v.string(), v.url(), v.regex(/^https?:/, 'http or https')),
  headers: v.optional(v.record(v.string(), v.string()), {}),
  secret: v.exactOptional(text),
  actions: v.optional(v.array(v.picklist(['push', 'pull', 'delete', 'mount'])), ['push', 'delete']),
})

const schema: v.GenericSchema<unknown, ResolvedConfig> = v.strictObject({
  host: v.optional(text, '127.0.0.1'),
  port: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535)), 5000),
  tls: v.exactOptional(v.strictObject({ cert: text, key: text, clientCa: v.exactOptional(text) })),
  auth: v.exactOptional(auth),
  readOnly: v.optional(v.boolean(), false),
  deletes: v.optional(v.boolean(), true),
  references: v.optional(v.picklist(['all', 'images', 'none']), 'images'),
  immutableTags: v.optional(v.array(v.strictObject({ repositories: v.array(pattern), tags: v.array(text) })), []),
  quotas: v.optional(v.array(v.strictObject({ repositories: v.array(pattern), bytes: positive })), []),
  retention: v.optional(v.array(retention), []),
  gc: v.optional(
    v.strictObject({
      intervalSeconds: v.optional(counted, 3600),
      graceSeconds: v.optional(counted, 86_400),
    }),
    {},
  ),
  upstreams: v.optional(v.array(upstream), []),
  webhooks: v.optional(v.array(webhook), []),
  limits: v.optional(
    v.strictObject({
      manifestBytes: v.optional(v.pipe(positive, v.maxValue(4 * 1024 * 1024)), 4 * 1024 * 1024),
      requests: v.optional(positive, 4096),
      stallSeconds: v.optional(v.pipe(v.number(), v.minValue(0.01)), 60),
      idleSeconds: v.optional(v.pipe(positive, v.maxValue(255)), 60),
    }),
    {},
  ),
  log: v.optional(v.picklist(['json', 'none']), 'none'),
})

/** Checks a configuration and fills in the defaults; `invalid_argument` names the member that is wrong. */
export function resolveConfig(config: unknown): ResolvedConfig {
  const result = v.safeParse(schema, config)
  if (result.success) return withExpressions(result.output)
  const [issue] = result.issues
  const said = issue.expected === 'never' ? 'there is no such setting' : issue.message
  return fail('invalid_argument', `registry configuration: ${v.getDotPath(issue) ?? 'the whole'}: ${said}`)
}

/** Regular expressions are tried now, not when the first tag is pushed. */
function withExpressions(config: ResolvedConfig): ResolvedConfig {
  const sources = [...config.immutableTags.flatMap((i) => i.tags), ...config.retention.flatMap((r) => r.tags ?? [])]
  for (const source of sources) tagExpression(source)
  return config
}

/** A regular expression that a whole tag must match. */
export function tagExpression(source: string): RegExp {
  try {
    return new RegExp(`^(?:${source})$`)
  } catch (cause) {
    return fail('invalid_argument', `registry configuration: ${source} is not a regular expression`, { cause })
  }
}

/** Whether a repository is one of those that the patterns mean. */
export function matchesRepository(patterns: readonly string[], name: string): boolean {
  return patterns.some((p) => expressionOf(p).test(name))
}

const expressions = new Map<string, RegExp>()

function expressionOf(glob: string): RegExp {
  let expression = expressions.get(glob)
  if (!expression) {
    const source = glob
      .split(/(\*\*|\*)/)
      .map((part) => (part === '**' ? '.*' : part === '*' ? '[^/]*' : part.replace(/[.\\+?^${}()|[\]]/g, '\\$&')))
      .join('')
    expressions.set(glob, (expression = new RegExp(`^${source}$`)))
  }
  return expression
}
