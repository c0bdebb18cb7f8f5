import { expect, it } from 'vitest'
import { testConfig } from '../../test/harness.ts'
import { runApi } from './run.ts'

it('a role by itself is refused where there is no broker, cache and storage for all of them', async () => {
  const { databaseUrl, tokenKey, pepper, sealKey, ...config } = testConfig()
  const env = {
    SAMACONSO_MODE: 'embedded',
    DATABASE_URL: databaseUrl,
    TOKEN_KEY: tokenKey,
    PEPPER: pepper,
    SEAL_KEY: sealKey,
    SIC_PASSWORD: config.sicPassword,
    POSTPAID_PASSWORD: config.postpaidPassword,
    MONITOR_PASSWORD: config.monitorPassword,
    FCM_SERVICE_ACCOUNT_FILE: '/nonexistent',
    SMS_URL: 'http://127.0.0.1:9/',
  }
  await expect(runApi(env, '0')).rejects.toThrow(/RABBITMQ_URL, REDIS_URL, S3_ENDPOINT/)
})
