import type { Services } from '../../services.ts'
import { DELAYS_MS, enqueue } from '../../tasks/index.ts'
import { claimSms, recordSms, releaseSms, settleOld, settleUnclaimed, takeForgotten } from './sql/sms.ts'
import { sendSmsTask } from './tasks.ts'

/**
 * Sends a text that waits, once: whoever claims it sends it, and one that may have gone out is never sent again. Rejects
 * when the gateway was not reached, to be tried later.
 */
export async function sendSms(services: Services, smsId: string, signal: AbortSignal): Promise<void> {
  const { db, clock, log, secrets, sms } = services
  const now = () => new Date(clock.now())
  const claimed = await claimSms(db, smsId, now())
  if (!claimed) {
    const state = await settleUnclaimed(db, smsId, now())
    if (state) log.warn({ event: 'sms_settled', smsId, state })
    return
  }
  const { phone, sealedText } = claimed
  const outcome = await sms.send({ phone, text: secrets.unseal(sealedText) }, signal)
  if (outcome.outcome === 'retry') {
    await releaseSms(db, smsId, outcome.reason, now())
    throw new Error(`The SMS gateway was not reached: ${outcome.reason}`)
  }
  const reason = outcome.outcome === 'sent' ? null : outcome.reason
  await recordSms(db, smsId, { state: outcome.outcome, reason }, now())
}

const SENDING_MS = 60_000
const PATIENCE_SECONDS = 30
const BATCH = 1_000
const DELAY_SECONDS = DELAYS_MS.map(ms => ms / 1_000)

/**
 * For the scheduler, every few seconds: texts that nobody came for are handed out again; those that were being sent by
 * somebody who is gone are ambiguous, those too old are expired.
 */
export async function sweepSms(services: Services): Promise<{ settled: number; resent: number }> {
  const now = services.clock.now()
  const settled = await settleOld(services.db, new Date(now - SENDING_MS), new Date(now), BATCH)
  const resent = await services.db.tx(async tx => {
    const forgotten = await takeForgotten(tx, new Date(now), PATIENCE_SECONDS, DELAY_SECONDS, BATCH)
    for (const { id, requestId } of forgotten) await enqueue(tx, sendSmsTask, [{ smsId: id }], { requestId })
    if (forgotten.length > 0) tx.afterCommit(services.wakeRelay)
    return forgotten.length
  })
  if (settled.length + resent > 0) {
    services.log.warn({ event: 'sms_swept', settled: settled.length, resent })
  }
  return { settled: settled.length, resent }
}
