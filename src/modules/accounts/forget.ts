import type { Services } from '../../services.ts'
import { deleteExpiredCodes } from './sql/codes.ts'
import { deleteEndedSessions } from './sql/sessions.ts'
import { deleteOldSms } from './sql/sms.ts'

const DAY = 24 * 3_600_000
const BATCH = 20_000

/**
 * For the scheduler, every hour: deletes codes a day after they expired, sessions a month after they could last be used,
 * records of SMS after 90 days. A bounded part at a time.
 */
export async function forgetOld({ db, clock }: Services): Promise<void> {
  const daysAgo = (days: number) => new Date(clock.now() - days * DAY)
  await deleteExpiredCodes(db, daysAgo(1), BATCH)
  await deleteEndedSessions(db, daysAgo(30), BATCH)
  await deleteOldSms(db, daysAgo(90), BATCH)
}
