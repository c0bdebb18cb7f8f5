import { openBackOffice } from '../backoffice/index.ts'
import { openFcm, openSms } from '../channels/index.ts'
import type { Config } from '../config.ts'
import { openDatabase } from '../db/index.ts'
import { systemClock } from '../lib/clock.ts'
import { openSecrets } from '../lib/secrets.ts'
import type { Log } from '../observability/index.ts'
import type { Services } from '../services.ts'
import { openMemory } from './memory.ts'
import { openStorage } from './storage.ts'

/** Opens everything that the business works with, as configured. Nothing is reached before it is needed. */
export function openServices(
  config: Config,
  log: Log,
  wakeRelay: () => void,
): { services: Services; close(): Promise<void> } {
  const clock = systemClock
  const db = openDatabase({
    url: config.databaseUrl,
    pool: config.databasePool,
    onError: error => log.warn({ event: 'database_connection_lost', error }),
  })
  const backoffice = openBackOffice({
    sic: {
      host: config.sicHost,
      port: config.sicPort,
      user: config.sicUser,
      password: config.sicPassword,
      database: config.sicDatabase,
      caFile: config.sicCaFile || undefined,
    },
    postpaid: {
      host: config.postpaidHost,
      port: config.postpaidPort,
      user: config.postpaidUser,
      password: config.postpaidPassword,
      database: config.postpaidDatabase,
      caFile: config.postpaidCaFile || undefined,
    },
    log,
  })
  const memory = openMemory(config, log, clock)
  const storage = openStorage(config)
  const push = openFcm({
    serviceAccountFile: config.fcmServiceAccountFile,
    baseUrl: config.fcmBaseUrl,
    caFile: config.fcmCaFile || undefined,
    proxyUrl: config.fcmProxyUrl || undefined,
    sessions: config.fcmSessions,
    quota: memory.pushQuota,
    androidData: config.fcmAndroidDataMessages === 'true',
    log,
  })
  const sms = openSms({ url: config.smsUrl, caFile: config.smsCaFile || undefined })
  const services: Services = {
    config,
    clock,
    log,
    db,
    cache: memory.cache,
    fanout: memory.fanout,
    limiter: memory.limiter,
    shelf: memory.shelf,
    storage,
    wakeRelay,
    backoffice,
    push,
    sms,
    secrets: openSecrets({ pepper: config.pepper, sealKey: config.sealKey }),
  }
  return {
    services,
    async close() {
      await Promise.allSettled([
        backoffice.close(),
        push.close(),
        sms.close(),
        memory.close(),
        storage.close(),
      ])
      await db.close()
    },
  }
}
