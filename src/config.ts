import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { SAMPLERS } from './observability/samplers.ts'

/**
 * The only reader of the environment. Every setting is declared once, here: its variable, its default, its meaning;
 * `.env.example` and the production checks come from the same table. A secret may also come from a file, by the same
 * name with `_FILE`.
 */
interface Setting<T> {
  env: string
  doc: string
  fallback: T | undefined
  parse(text: string): T
  secret?: boolean
  /** The part of a secret value that must be strong; all of it when absent. */
  secretOf?: (value: string) => string
}

type Values<S> = { [K in keyof S]: S[K] extends Setting<infer T> ? T : never }

const text = (env: string, fallback: string | undefined, doc: string): Setting<string> => ({
  env,
  doc,
  fallback,
  parse: value => value,
})

/** May be absent: empty then. */
const optional = (env: string, doc: string): Setting<string> => text(env, '', doc)

const secret = (env: string, doc: string): Setting<string> => ({
  ...text(env, undefined, doc),
  secret: true,
})

const integer = (env: string, fallback: number, doc: string, min = 0, max = 2 ** 31): Setting<number> => ({
  env,
  doc,
  fallback,
  parse(value) {
    const number = Number(value)
    if (!/^\d+$/.test(value) || number < min || number > max) {
      throw new Error(`must be a whole number from ${min} to ${max}`)
    }
    return number
  },
})

const choice = <T extends string>(env: string, fallback: T, of: readonly T[], doc: string): Setting<T> => ({
  env,
  doc: `${doc} One of: ${of.join(', ')}.`,
  fallback,
  parse(value) {
    if (!of.includes(value as T)) throw new Error(`must be one of ${of.join(', ')}`)
    return value as T
  },
})

const share = (env: string, fallback: number, doc: string): Setting<number> => ({
  env,
  doc,
  fallback,
  parse(value) {
    const number = Number(value)
    if (!/^\d*\.?\d+$/.test(value) || number > 1) throw new Error('must be a number from 0 to 1')
    return number
  },
})

const list = (env: string, doc: string): Setting<string[]> => ({
  env,
  doc: `${doc} Separated by commas.`,
  fallback: [],
  parse: value =>
    value
      .split(',')
      .map(item => item.trim())
      .filter(Boolean),
})

/** Kept as text; its errors never show it. */
const signingKey = (env: string, doc: string): Setting<string> => ({
  ...secret(env, doc),
  parse(value) {
    if (keyType(value) !== 'ed25519') throw new Error('must be an Ed25519 private key in PKCS#8 PEM')
    return value
  },
})

function keyType(pem: string): string | undefined {
  try {
    return createPrivateKey(pem).asymmetricKeyType
  } catch {
    return undefined
  }
}

const databaseUrl = (env: string, doc: string): Setting<string> => ({
  ...secret(env, doc),
  parse(value) {
    if (!/^postgres(ql)?:$/.test(parseUrl(value)?.protocol ?? ''))
      throw new Error('must start with postgres://')
    return value
  },
  secretOf: value => parseUrl(value)?.password ?? '',
})

/** Empty when there is none. */
const serverUrl =
  (...protocols: string[]) =>
  (env: string, doc: string): Setting<string> => ({
    ...secret(env, doc),
    fallback: '',
    parse(value) {
      if (!protocols.includes(parseUrl(value)?.protocol ?? ''))
        throw new Error(`must start with ${protocols.map(protocol => `${protocol}//`).join(' or ')}`)
      return value
    },
    secretOf: value => parseUrl(value)?.password ?? '',
  })

const brokerUrl = serverUrl('amqp:', 'amqps:')
const cacheUrl = serverUrl('redis:', 'rediss:')

/** Empty when there is none. */
const webAddress = (env: string, doc: string): Setting<string> => ({
  ...optional(env, doc),
  parse(value) {
    if (!/^https?:$/.test(parseUrl(value)?.protocol ?? ''))
      throw new Error('must start with http:// or https://')
    return value
  },
})

/** Empty when there is none. Its password is the proxy's own: how strong it is, is not ours to say. */
const proxyUrl = (env: string, doc: string): Setting<string> => ({
  ...optional(env, doc),
  parse(value) {
    if (parseUrl(value)?.protocol !== 'http:') throw new Error('must start with http://')
    return value
  },
})

const optionalSecret = (env: string, doc: string): Setting<string> => ({ ...secret(env, doc), fallback: '' })

const parseUrl = (value: string): URL | undefined => (URL.canParse(value) ? new URL(value) : undefined)

const port = (env: string, fallback: number, doc: string) => integer(env, fallback, doc, 0, 65_535)

export const SETTINGS = {
  mode: choice(
    'SAMACONSO_MODE',
    'production',
    ['production', 'embedded'],
    'Set by `npm start`; leave it alone.',
  ),
  instance: text('INSTANCE', 'samaconso_1', 'Name of this process in answers, logs and metrics.'),
  logLevel: choice('LOG_LEVEL', 'info', ['debug', 'info', 'warn', 'error', 'silent'], 'What is logged.'),

  host: text('HOST', '127.0.0.1', 'Address that the API and the monitor listen on.'),
  port: port('PORT', 8001, 'Port of the API: HTTP and WebSocket.'),
  metricsPort: port(
    'METRICS_PORT',
    0,
    'Port of /metrics, which the balancer does not know; 0 picks a free one.',
  ),
  monitorPort: port('MONITOR_PORT', 5555, 'Port of the task monitor.'),
  monitorUser: text('MONITOR_USER', 'admin', 'Basic Auth of the task monitor.'),
  monitorPassword: secret('MONITOR_PASSWORD', 'Basic Auth of the task monitor.'),
  monitorViewerUser: text(
    'MONITOR_VIEWER_USER',
    'viewer',
    'Who looks at the task monitor and changes nothing.',
  ),
  monitorViewerPassword: optionalSecret(
    'MONITOR_VIEWER_PASSWORD',
    'Their Basic Auth; without it there is no such user.',
  ),
  monitorReadOnly: choice(
    'MONITOR_READ_ONLY',
    'false',
    ['true', 'false'],
    'Whether the task monitor only shows, and changes nothing.',
  ),
  trustedBalancers: list('TRUSTED_BALANCERS', 'Addresses whose X-Forwarded-For is believed.'),
  drainSeconds: integer(
    'DRAIN_SECONDS',
    35,
    'How long "draining" is shown before stopping: longer than the balancer’s check.',
    0,
    600,
  ),

  databaseUrl: databaseUrl(
    'DATABASE_URL',
    'postgres://user:password@host:6432/samaconso, through PgBouncer.',
  ),
  databasePool: integer('DATABASE_POOL', 10, 'Connections to PostgreSQL of this process.', 1, 100),

  rabbitmqUrl: brokerUrl(
    'RABBITMQ_URL',
    'amqp://user:password@host:5672/vhost, or amqps://. Empty: an in-process broker, for a single process.',
  ),
  rabbitmqCaFile: optional(
    'RABBITMQ_CA_FILE',
    'Authority that signed RabbitMQ’s certificate; the system’s when empty.',
  ),
  redisUrl: cacheUrl(
    'REDIS_URL',
    'redis://user:password@host:6379, or rediss://. Empty: an in-process cache, for a single process.',
  ),
  redisCaFile: optional(
    'REDIS_CA_FILE',
    'Authority that signed Redis’s certificate; the system’s when empty.',
  ),
  s3Endpoint: optional(
    'S3_ENDPOINT',
    'https://host:9000 of the object storage. Empty: a folder (STORAGE_FOLDER).',
  ),
  s3Region: text('S3_REGION', 'us-east-1', 'Region that requests to the object storage are signed for.'),
  s3AccessKey: optional('S3_ACCESS_KEY', 'Object storage: name of the access key.'),
  s3SecretKey: optionalSecret('S3_SECRET_KEY', 'Object storage: the access key.'),
  s3CaFile: optional(
    'S3_CA_FILE',
    'Authority that signed the object storage’s certificate; the system’s when empty.',
  ),
  storageFolder: text(
    'STORAGE_FOLDER',
    '.data/files',
    'Where files are kept when there is no object storage.',
  ),

  tokenKey: signingKey('TOKEN_KEY', 'Private key (PKCS#8 PEM, Ed25519) that signs access tokens.'),
  pepper: secret('PEPPER', 'Mixed into the hashes of PINs and passwords; never changes.'),
  sealKey: secret('SEAL_KEY', 'Encrypts what waits in the database for a moment: codes, texts of SMS.'),

  sicHost: text('SIC_HOST', '127.0.0.1', 'SIC (SQL Server): host.'),
  sicPort: port('SIC_PORT', 1433, 'SIC: port.'),
  sicUser: text('SIC_USER', 'samaconso', 'SIC: user.'),
  sicPassword: secret('SIC_PASSWORD', 'SIC: password.'),
  sicDatabase: text('SIC_DATABASE', 'SIC', 'SIC: database.'),
  sicCaFile: optional('SIC_CA_FILE', 'SIC: authority that signed its certificate; the system’s when empty.'),
  sicServerName: optional(
    'SIC_SERVER_NAME',
    'SIC: the name in its certificate, where SIC_HOST is an address; SIC_HOST when empty.',
  ),
  postpaidHost: text('POSTPAID_HOST', '127.0.0.1', 'Postpaid (SQL Server): host.'),
  postpaidPort: port('POSTPAID_PORT', 1433, 'Postpaid: port.'),
  postpaidUser: text('POSTPAID_USER', 'samaconso', 'Postpaid: user.'),
  postpaidPassword: secret('POSTPAID_PASSWORD', 'Postpaid: password.'),
  postpaidDatabase: text('POSTPAID_DATABASE', 'Postpaid', 'Postpaid: database.'),
  postpaidCaFile: optional(
    'POSTPAID_CA_FILE',
    'Postpaid: authority that signed its certificate; the system’s when empty.',
  ),
  postpaidServerName: optional(
    'POSTPAID_SERVER_NAME',
    'Postpaid: the name in its certificate, where POSTPAID_HOST is an address; POSTPAID_HOST when empty.',
  ),

  fcmServiceAccountFile: text('FCM_SERVICE_ACCOUNT_FILE', undefined, 'Firebase service account (JSON file).'),
  fcmBaseUrl: text('FCM_BASE_URL', 'https://fcm.googleapis.com', 'Firebase Cloud Messaging.'),
  fcmCaFile: optional(
    'FCM_CA_FILE',
    'Authority of FCM or of the proxy in front of it; the system’s when empty.',
  ),
  fcmProxyUrl: proxyUrl(
    'FCM_PROXY_URL',
    'http://user:password@host:3128 of the proxy that FCM is reached through (CONNECT). Empty: none.',
  ),
  fcmSessions: integer('FCM_SESSIONS', 2, 'HTTP/2 connections to FCM, of at most 100 sends each.', 1, 16),
  fcmAndroidDataMessages: choice(
    'FCM_ANDROID_DATA_MESSAGES',
    'false',
    ['true', 'false'],
    'Whether Android gets data messages, for an app that displays each id once, instead of notifications.',
  ),
  fcmQuotaPerMinute: integer(
    'FCM_QUOTA_PER_MINUTE',
    600_000,
    'Pushes a minute that the Firebase project may send, all processes together.',
    60,
  ),
  smsUrl: text('SMS_URL', undefined, 'SMS gateway (SOAP).'),
  smsCaFile: optional('SMS_CA_FILE', 'Authority of the SMS gateway; the system’s when empty.'),

  limitPerAccount: integer('LIMIT_PER_ACCOUNT', 600, 'Requests a minute of one account.', 1),
  limitPerNetwork: integer(
    'LIMIT_PER_NETWORK',
    3_000,
    'Requests a minute of one address without an account: operators share addresses.',
    1,
  ),
  limitSignInsPerNetwork: integer(
    'LIMIT_SIGN_INS_PER_NETWORK',
    600,
    'Sign-ins, registrations and code requests in 10 minutes from one address.',
    1,
  ),
  limitSmsPerPhone: integer('LIMIT_SMS_PER_PHONE', 5, 'SMS a day to one number.', 1),
  limitSmsPerPrefix: integer(
    'LIMIT_SMS_PER_PREFIX',
    200,
    'SMS an hour to numbers that share all but their last three digits.',
    1,
  ),
  limitSmsPerDay: integer('LIMIT_SMS_PER_DAY', 50_000, 'SMS a day in all.', 1),

  pushChunk: integer('PUSH_CHUNK', 500, 'Devices in one chunk of a broadcast.', 1, 5_000),
  broadcastApprovalAbove: integer(
    'BROADCAST_APPROVAL_ABOVE',
    1_000,
    'Devices above which a broadcast needs a second administrator.',
  ),
  rampAbove: integer(
    'BROADCAST_RAMP_ABOVE',
    10_000,
    'Devices above which a broadcast starts slowly and rises to full speed.',
  ),
  rampSeconds: integer('BROADCAST_RAMP_SECONDS', 60, 'How long that rise takes; 0 for none.', 0, 3_600),

  monitorUrl: optional(
    'MONITOR_URL',
    'http://host:5555 of the task monitor, which `doctor` asks. Empty: not asked.',
  ),
  apiUrls: list('API_URLS', 'Every API instance as `doctor` asks it, http://host:8001.'),
  prometheusUrl: optional(
    'PROMETHEUS_URL',
    'http://host:9090 of Prometheus, which `doctor` and `report` ask. Empty: not asked.',
  ),
  backupStatusFile: optional(
    'BACKUP_STATUS_FILE',
    'What the backup writes about its last run (docs/operations.md), on the machine that makes it.',
  ),
  operationsFolder: text(
    'OPERATIONS_FOLDER',
    '.data/operations',
    'Where `checklist` keeps what people signed.',
  ),

  otelEndpoint: webAddress(
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    'http://host:4318 of a collector: turns traces on (OTLP as JSON, to its /v1/traces). Empty: none.',
  ),
  otelTracesEndpoint: webAddress(
    'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
    'The same with its path, where it is another one.',
  ),
  otelServiceName: text('OTEL_SERVICE_NAME', 'samaconso', 'Traces: name of the service.'),
  otelSampler: choice(
    'OTEL_TRACES_SAMPLER',
    'parentbased_always_on',
    SAMPLERS,
    'Traces: which are kept; parentbased: as the caller’s `traceparent` says.',
  ),
  otelSamplerArg: share(
    'OTEL_TRACES_SAMPLER_ARG',
    1,
    'Traces: the share that samplers by `traceidratio` keep, from 0 to 1.',
  ),
  otelDisabled: choice('OTEL_SDK_DISABLED', 'false', ['true', 'false'], 'Turns traces off all the same.'),

  workerSlots: integer('WORKER_SLOTS', 4, 'Tasks under way at once in each queue of a worker.', 1, 64),
}

export type Config = Values<typeof SETTINGS>

/** Every fault of a configuration at once, each a sentence that says what to do. */
export class ConfigError extends Error {
  readonly faults: string[]

  constructor(faults: string[]) {
    super(
      `The configuration has ${faults.length} fault(s):\n${faults.map(fault => `  - ${fault}`).join('\n')}`,
    )
    this.name = 'ConfigError'
    this.faults = faults
  }
}

/** Secrets that examples and demos show: production refuses them. */
const KNOWN_SECRETS = /^(admin|changeme|change-me|password|secret|samaconso|demo)|example/i

/** Reads and checks the whole configuration; throws `ConfigError` with every fault. */
export function loadConfig(env: Record<string, string | undefined>): Config {
  const { config, faults } = readConfig(env)
  if (faults.length > 0) throw new ConfigError(faults)
  return config as Config
}

/** As much of a configuration as can be read, with every fault of it: for who examines it. */
export function readConfig(env: Record<string, string | undefined>): {
  config: Partial<Config>
  faults: string[]
} {
  const faults: string[] = []
  const config: Record<string, unknown> = {}
  for (const [name, setting] of Object.entries(SETTINGS) as [string, Setting<unknown>][]) {
    try {
      const value = read(setting, env)
      if (value === undefined) {
        if (setting.fallback === undefined) faults.push(`${setting.env} is missing: ${setting.doc}`)
        config[name] = setting.fallback
        continue
      }
      config[name] = setting.parse(value)
      // The demo's secrets are made at its first start or printed by it; production takes none that is short or known.
      if (setting.secret && env.SAMACONSO_MODE !== 'embedded') {
        faults.push(...weaknesses(setting.env, setting.secretOf?.(value) ?? value))
      }
    } catch (error) {
      faults.push(`${setting.env} ${(error as Error).message}.`)
    }
  }
  return { config: config as Partial<Config>, faults }
}

/** One setting alone, from the environment or its file, for commands that need no more; undefined when it is not given. */
export const settingOf = (
  env: Record<string, string | undefined>,
  name: keyof typeof SETTINGS,
): string | undefined => read(SETTINGS[name] as Setting<unknown>, env)

function weaknesses(name: string, value: string): string[] {
  if (KNOWN_SECRETS.test(value)) return [`${name} holds a well-known value: choose a secret of your own.`]
  return value.length < 16 ? [`${name} must have at least 16 characters.`] : []
}

function read(setting: Setting<unknown>, env: Record<string, string | undefined>): string | undefined {
  const direct = env[setting.env]
  if (direct !== undefined && direct !== '') return direct
  const file = env[`${setting.env}_FILE`]
  if (!file) return undefined
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new Error(
      `cannot be read from the file in ${setting.env}_FILE (${(error as NodeJS.ErrnoException).code})`,
    )
  }
}

/** The text of `.env.example`: every setting with its meaning and default, secrets empty. */
export function envExample(): string {
  const lines = [
    '# Every setting of SamaConso. Secrets may come from a file instead: NAME_FILE=/path.',
    '# Made from src/config.ts by `npm run samaconso -- env-example`; a test keeps it true.',
    '# `npm start` needs none of this.',
    '',
  ]
  for (const setting of Object.values(SETTINGS) as Setting<unknown>[]) {
    const fallback = setting.fallback
    const value = Array.isArray(fallback) ? fallback.join(',') : (fallback ?? '')
    const note =
      fallback === undefined
        ? setting.secret
          ? ' Required, secret.'
          : ' Required.'
        : setting.secret
          ? ' Secret.'
          : ''
    lines.push(`# ${setting.doc}${note}`, `${setting.env}=${value}`, '')
  }
  return lines.join('\n')
}
