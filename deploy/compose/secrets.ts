// Makes the secrets of compose.yaml in .data/compose, once: `node deploy/compose/secrets.ts`. They are never shown.
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const DIR = process.env.SECRETS_DIR ?? fileURLToPath(new URL('../../.data/compose', import.meta.url))
const password = () => randomBytes(24).toString('base64url')

if (existsSync(join(DIR, 'database_url'))) {
  console.log(`${DIR} has its secrets already.`)
} else {
  const [app, rabbitmq, redis] = [password(), password(), password()]
  const files: Record<string, string> = {
    postgres_password: password(),
    'postgres_app.sql': [
      `create role samaconso_app login password '${app}';`,
      "alter role samaconso_app set statement_timeout = '10s';",
      "alter role samaconso_app set idle_in_transaction_session_timeout = '30s';",
      'create database samaconso owner samaconso_app;',
    ].join('\n'),
    pgbouncer_userlist: `"samaconso_app" "${app}"`,
    database_url: `postgres://samaconso_app:${app}@pgbouncer:6432/samaconso`,
    'rabbitmq.conf': `default_user = samaconso\ndefault_pass = ${rabbitmq}`,
    rabbitmq_url: `amqp://samaconso:${rabbitmq}@rabbitmq:5672/%2F`,
    // 'volatile': what has no end of life is no cache, and is never evicted.
    'redis.conf': [
      `requirepass ${redis}`,
      'appendonly yes',
      'maxmemory 256mb',
      'maxmemory-policy volatile-lru',
    ].join('\n'),
    redis_url: `redis://:${redis}@redis:6379`,
    s3_access_key: randomBytes(10).toString('hex'),
    s3_secret_key: password(),
    token_key: generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    pepper: password(),
    seal_key: randomBytes(32).toString('base64url'),
    monitor_password: password(),
    sql_password: password(),
  }
  // Containers read them as users of their own; on this machine nobody else gets into the folder.
  mkdirSync(DIR, { recursive: true, mode: 0o700 })
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(DIR, name), `${text.trim()}\n`, { mode: 0o444 })
  }
  console.log(`Secrets made in ${DIR}. The monitor's password is in ${join(DIR, 'monitor_password')}.`)
}
