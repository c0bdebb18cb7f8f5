import { generateKeyPairSync } from 'node:crypto'
import { loadConfig } from '../config.ts'
import { openAccessTokens } from '../http/index.ts'
import { systemClock } from '../lib/clock.ts'
import { randomSecret } from '../lib/secrets.ts'
import { openLog } from '../observability/index.ts'
import type { Services } from '../services.ts'
import { openApi } from './api.ts'

/** The OpenAPI document of all routes, as text; nothing is started for it. */
export async function openApiDocument(version: string): Promise<string> {
  const config = loadConfig({
    SAMACONSO_MODE: 'embedded',
    DATABASE_URL: 'postgres://127.0.0.1/none',
    TOKEN_KEY: generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    ...Object.fromEntries(
      ['PEPPER', 'SEAL_KEY', 'SIC_PASSWORD', 'POSTPAID_PASSWORD', 'MONITOR_PASSWORD'].map(name => [
        name,
        randomSecret(),
      ]),
    ),
    FCM_SERVICE_ACCOUNT_FILE: 'none',
    SMS_URL: 'http://127.0.0.1',
  })
  // Routes are only declared: nothing of this is called.
  const services = {
    config,
    clock: systemClock,
    log: openLog({ level: 'silent', instance: 'openapi' }),
  } as Services
  const tokens = await openAccessTokens(config.tokenKey, systemClock)
  const health = {
    version,
    instance: 'openapi',
    report: () => ({ status: 'running' as const, services: {} }),
  }
  const app = await openApi(services, tokens, health, version)
  const document = JSON.stringify(app.swagger(), null, 2)
  await app.close()
  return `${document}\n`
}
