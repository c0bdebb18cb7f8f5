import { askPostpaid, POSTPAID_PROBE } from './postpaid.ts'
import { askSic, SIC_PROBE } from './sic.ts'
import { LIMITS, openSqlServer } from './sql-server.ts'
import type { BackOffice, BackOfficeConfig, BackOfficeLog } from './types.ts'

const SILENT: BackOfficeLog = { info: () => undefined, warn: () => undefined }

/**
 * The company's systems, each behind its own pool and circuit breaker. Nothing is connected before the first question.
 * Throws when a `caFile` cannot be read.
 */
export function openBackOffice(config: BackOfficeConfig): BackOffice {
  const limits = { ...LIMITS, ...config.limits }
  const log = config.log ?? SILENT
  const sic = openSqlServer('sic', config.sic, { limits, log, probe: SIC_PROBE })
  const postpaid = openSqlServer('postpaid', config.postpaid, { limits, log, probe: POSTPAID_PROBE })
  return {
    ...askSic(sic),
    ...askPostpaid(postpaid),
    state: () => ({
      sic: sic.isDown() ? 'down' : 'ok',
      postpaid: postpaid.isDown() ? 'down' : 'ok',
    }),
    close: async () => {
      await Promise.all([sic.close(), postpaid.close()])
    },
  }
}
