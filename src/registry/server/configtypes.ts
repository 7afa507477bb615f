import type { ReferencePolicy } from './http/service.ts'

export interface Rule {
  /** Patterns of repositories: `team/*` is one component more, `team/**` everything below, `**` everything. */
  readonly repositories: readonly string[]
  /** Names of users; `anonymous` is everybody, logged in or not, `*` everybody who has logged in. */
  readonly users: readonly string[]
  readonly allow: readonly ('pull' | 'push' | 'delete')[]
}

export interface AuthConfig {
  /** A file of `name:bcrypt-hash` lines, read again when it changes. */
  readonly htpasswd?: string
  /** `basic` asks for a password with each request, `token` for one that the server's own token service gave, which Docker needs for pulls without a login. */
  readonly scheme: 'basic' | 'token'
  /** Who may do what; whatever no rule allows is denied. Default: everything to those who have logged in. */
  readonly rules?: readonly Rule[]
  /** Life of a token in seconds. */
  readonly tokenSeconds: number
  /** Life in days of the refresh token that a login gets and keeps in the password's place; 0 gives none. Default 90. */
  readonly refreshDays: number
  /** The public address of the token service, when the server stands behind another name. */
  readonly realm?: string
}

export interface UpstreamConfig {
  /** Repositories that are the upstream's: with `docker.io/` its `library/debian` is `docker.io/library/debian` here. */
  readonly prefix: string
  readonly url: string
  readonly username?: string
  readonly password?: string
  /** How long a tag is served without asking the upstream again: seconds. */
  readonly freshSeconds: number
}

export interface RetentionConfig {
  /** Patterns of repositories. */
  readonly repositories: readonly string[]
  /** Regular expressions of the tags that the policy is about. Default: all. */
  readonly tags?: readonly string[]
  /** Keeps so many tags, those moved last. */
  readonly keepLast?: number
  /** Keeps tags moved within so many days. */
  readonly keepDays?: number
  /** Removes manifests that have had neither tag nor index nor subject for so many days. */
  readonly untaggedDays?: number
}

export interface WebhookConfig {
  readonly url: string
  /** Sent with every call. */
  readonly headers: Readonly<Record<string, string>>
  /** HMAC-SHA256 of the body under this secret is sent as `X-Cairn-Signature: sha256=…`. */
  readonly secret?: string
  readonly actions: readonly ('push' | 'pull' | 'delete' | 'mount')[]
}

export interface GcConfig {
  /** Between two runs, in seconds; 0 for never. Default an hour. */
  readonly intervalSeconds: number
  /** What is unused is kept so long, in seconds. Default a day. */
  readonly graceSeconds: number
}

export interface LimitsConfig {
  /** Bytes of a manifest: 4 MiB, and at most that. */
  readonly manifestBytes: number
  /** Requests worked on at once; more are answered 429. */
  readonly requests: number
  /** A connection on which nothing moves is closed after so many seconds; at most 255. */
  readonly idleSeconds: number
  /** A body of which less than 4 KiB comes in so many seconds is given up. Default 60. */
  readonly stallSeconds: number
}

/** Everything that a registry server is told, with the defaults filled in. */
export interface ResolvedConfig {
  /** Address to listen on. Default 127.0.0.1. */
  readonly host: string
  /** Port to listen on; 0 for any free one. Default 5000. */
  readonly port: number
  /** Files of PEM. With `clientCa` only clients with a certificate of that authority get in. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string }
  /** Without it everybody may do everything. */
  readonly auth?: AuthConfig
  /** Serves, but takes nothing. */
  readonly readOnly: boolean
  /** Whether tags, manifests and blobs may be deleted over HTTP. Default true. */
  readonly deletes: boolean
  /**
   * What of a pushed document must be there: `all`; `images` (config and layers of an image, while an
   * index may be sparse, as copies of single platforms are; the default); `none`.
   */
  readonly references: ReferencePolicy
  /** Tags, as regular expressions, that never move once set. */
  readonly immutableTags: readonly { readonly repositories: readonly string[]; readonly tags: readonly string[] }[]
  /** Bytes that the blobs of all repositories of the patterns may have together. */
  readonly quotas: readonly { readonly repositories: readonly string[]; readonly bytes: number }[]
  readonly retention: readonly RetentionConfig[]
  readonly gc: GcConfig
  readonly upstreams: readonly UpstreamConfig[]
  readonly webhooks: readonly WebhookConfig[]
  readonly limits: LimitsConfig
  /** `json`: a line per request on standard error. */
  readonly log: 'json' | 'none'
}

type Defaulted<T, K extends keyof T> = Omit<T, K> & Partial<Pick<T, K>>

/** {@link ResolvedConfig} as a user writes it, in JSON or YAML: whatever has a default may be left out. */
export interface RegistryConfig extends Partial<
  Omit<ResolvedConfig, 'auth' | 'gc' | 'upstreams' | 'webhooks' | 'limits'>
> {
  readonly auth?: Defaulted<AuthConfig, 'scheme' | 'tokenSeconds' | 'refreshDays'>
  readonly gc?: Partial<GcConfig>
  readonly upstreams?: readonly Defaulted<UpstreamConfig, 'prefix' | 'freshSeconds'>[]
  readonly webhooks?: readonly Defaulted<WebhookConfig, 'headers' | 'actions'>[]
  readonly limits?: Partial<LimitsConfig>
}
