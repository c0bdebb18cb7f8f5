import { setTimeout as pause } from 'node:timers/promises'
import { loadConfig } from '../../src/config.ts'
import { migrate, openDatabase } from '../../src/db/index.ts'
import { Problem } from '../../src/lib/problems.ts'
import { loadDemoAccounts } from '../../src/modules/accounts/index.ts'
import { ensureAgencies } from '../../src/modules/agencies/index.ts'
import { linkDemoMeters } from '../../src/modules/meters/index.ts'
import { openLog } from '../../src/observability/index.ts'
import { demoAgencies } from '../../src/roles/all.ts'
import { openServices } from '../../src/roles/services.ts'

const MIGRATION_MS = 3_600_000
const ANSWER_MS = 60_000

/** Brings the stack's own database up to date and fills in the accounts that the box shows, where they are missing. */
export async function prepareDemo(env: Record<string, string>): Promise<void> {
  // Accounts that everybody knows are for a demo's own database, which this is, and refused anywhere else.
  const config = loadConfig({ ...env, SAMACONSO_MODE: 'embedded' })
  const db = openDatabase({ url: config.databaseUrl, pool: 1, statementTimeout: MIGRATION_MS })
  await migrate(db).finally(() => db.close())
  const log = openLog({ level: 'warn', instance: 'stack' })
  const { services, close } = openServices(config, log, () => undefined)
  try {
    await ensureAgencies(services, await demoAgencies())
    const accounts = await loadDemoAccounts(services)
    await onceAnswered(() => linkDemoMeters(services, accounts))
  } finally {
    await close()
  }
}

/** The simulated systems have just started, and take their time on a machine that does much else. */
async function onceAnswered(work: () => Promise<unknown>): Promise<void> {
  for (const giveUpAt = Date.now() + ANSWER_MS; ; ) {
    try {
      await work()
      return
    } catch (error) {
      const isAway = error instanceof Problem && error.code === 'backoffice_unavailable'
      if (!isAway || Date.now() > giveUpAt) throw error
      await pause((error.retryAfter ?? 1) * 1_000)
    }
  }
}
