import { describe, expect, it } from 'vitest'
import { testConfig } from '../../test/harness.ts'
import { runApi, workerArguments } from './run.ts'
import { StartError } from './say.ts'

describe('a worker', () => {
  it('serves the queues that it is told, all of them by default', () => {
    expect(workerArguments(['--queues', 'urgent, normal', '--concurrency', '8', '--name', 'w'])).toEqual({
      queues: ['urgent', 'normal'],
      concurrency: 8,
      name: 'w',
    })
    expect(workerArguments([]).queues).toEqual(['urgent', 'high_priority', 'normal', 'low_priority'])
  })

  it.each([
    ['--queues', 'urgent,nonsense'],
    ['--queues', ''],
    ['--queues', 'urgent,urgent'],
    ['--concurrency', '0'],
    ['--concurrency', '65'],
    ['--concurrency', 'four'],
    ['--nonsense', '1'],
  ])('is refused with a sentence when told %s %s', (...args) => {
    expect(() => workerArguments(args)).toThrow(StartError)
  })
})

it('a role by itself is refused where there is no broker and no cache for all of them', async () => {
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
  await expect(runApi(env, '0')).rejects.toThrow(/RABBITMQ_URL.*REDIS_URL/)
})
