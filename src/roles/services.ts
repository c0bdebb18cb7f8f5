import { openBackOffice } from '../backoffice/index.ts'
import { openFcm, openSms } from '../channels/index.ts'
import type { Config } from '../config.ts'
import { databaseClock, openDatabase } from '../db/index.ts'
import { openSecrets } from '../lib/secrets.ts'
import type { OpenLog } from '../observability/index.ts'
import type { Services } from '../services.ts'
import { countedCache, timedPush, timedSms, timedStorage, watchServices } from './measure.ts'
import { openMemory } from './memory.ts'
import { openStorage } from './storage.ts'

/**
 * Opens everything that the business works with, as configured. Nothing is reached before it is needed, but for the
 * database’s time: `ready` resolves when it was asked for, also when it did not answer.
 */
export function openServices(
  config: Config,
  log: OpenLog,
  wakeRelay: () => void,
): { services: Services; ready: Promise<unknown>; close(): Promise<void> } {
  const db = openDatabase({
    url: config.databaseUrl,
    pool: config.databasePool,
    onError: error => log.warn({ event: 'database_connection_lost', error }),
  })
  const clock = databaseClock(db, { onError: error => log.warn({ event: 'database_time_unknown', error }) })
  const backoffice = openBackOffice({
    sic: {
      host: config.sicHost,
      port: config.sicPort,
      user: config.sicUser,
      password: config.sicPassword,
      database: config.sicDatabase,
      caFile: config.sicCaFile || undefined,
      serverName: config.sicServerName || undefined,
    },
    postpaid: {
      host: config.postpaidHost,
      port: config.postpaidPort,
      user: config.postpaidUser,
      password: config.postpaidPassword,
      database: config.postpaidDatabase,
      caFile: config.postpaidCaFile || undefined,
      serverName: config.postpaidServerName || undefined,
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
    clock,
  })
  const sms = openSms({ url: config.smsUrl, caFile: config.smsCaFile || undefined })
  const services: Services = {
    config,
    clock,
    log,
    db,
    cache: countedCache(memory.cache),
    fanout: memory.fanout,
    limiter: memory.limiter,
    shelf: memory.shelf,
    storage: timedStorage(storage),
    wakeRelay,
    backoffice,
    push: timedPush(push),
    sms: timedSms(sms),
    secrets: openSecrets({ pepper: config.pepper, sealKey: config.sealKey }),
  }
  const unwatch = watchServices(services)
  return {
    services,
    ready: clock.asked,
    async close() {
      unwatch()
      await Promise.allSettled([
        backoffice.close(),
        push.close(),
        sms.close(),
        memory.close(),
        storage.close(),
        clock.stop(),
      ])
      await db.close()
    },
  }
}
