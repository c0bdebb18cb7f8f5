import type { PushOutcome } from '../../../channels/types.ts'
import { DELAYS_MS, delayStep } from '../../../tasks/index.ts'

/** A device to send to. */
export interface Recipient {
  id: string
  token: string
  language: 'fr' | 'en' | 'wo'
  firstName: string
  lastName: string
  /** Why nothing is sent to it now or at all, though it counts: its customer's wish. */
  spared: Verdict | null
  /** It may have the push already: the last attempt had no answer. */
  unsure: boolean
}

export const OUTCOMES = ['sent', 'unregistered', 'refused', 'suppressed', 'expired', 'ambiguous'] as const
export type Outcome = (typeof OUTCOMES)[number]

/** What happens to a device that is not, or no longer, sent to. */
export type Verdict =
  | { outcome: 'refused' | 'suppressed' | 'expired'; reason: string }
  | { outcome: 'retry'; reason: string; afterMs: number }
  | { outcome: 'wait'; reason: string; until: 'resumed' | number }

/** A device that is sent to later: as a retry, when its broadcast goes on, or at a time in ms. */
export interface Failed {
  id: string
  reason: string
  ambiguous: boolean
  until: 'retry' | 'resumed' | number
}

/** What became of the devices of a unit: each is in `counts` once, or in `failed`. */
export interface Tally {
  counts: Record<Outcome, number>
  /** Devices by reason, for every outcome but sent. */
  reasons: Map<string, number>
  /** Tokens that are no good any more. */
  dead: { id: string; token: string }[]
  /** To be sent to later. */
  failed: Failed[]
  /** The longest wait that was asked for. */
  waitMs: number
  /** Our own fault, which would hit every device. */
  stop: string | null
}

export const newTally = (): Tally => ({
  counts: { sent: 0, unregistered: 0, refused: 0, suppressed: 0, expired: 0, ambiguous: 0 },
  reasons: new Map(),
  dead: [],
  failed: [],
  waitMs: 0,
  stop: null,
})

const MOST_REASONS = 20

/** Counts `devices` of an outcome; reasons beyond a bound are 'other', so that a row never grows without end. */
export function count(tally: Tally, outcome: Outcome, reason: string, devices = 1): void {
  tally.counts[outcome] += devices
  if (outcome === 'sent' || devices === 0) return
  const short = reason.slice(0, 100)
  const key = tally.reasons.has(short) || tally.reasons.size < MOST_REASONS ? short : 'other'
  tally.reasons.set(key, (tally.reasons.get(key) ?? 0) + devices)
}

/**
 * Notes what the channel said of a device. Of one of many that a fault of ours has hit, nothing is said yet: it is sent
 * to when the fault is mended.
 */
export function noteSent(tally: Tally, { id, token }: Recipient, result: PushOutcome, bulk = false): void {
  switch (result.outcome) {
    case 'sent':
      tally.counts.sent++
      return
    case 'unregistered':
      tally.dead.push({ id, token })
      count(tally, 'unregistered', 'unregistered')
      return
    case 'refused':
      if (result.dropToken) tally.dead.push({ id, token })
      if (result.stop) tally.stop ??= result.reason
      if (result.stop && bulk) {
        tally.failed.push({ id, reason: result.reason, ambiguous: false, until: 'resumed' })
      } else count(tally, 'refused', result.reason)
      return
    case 'retry':
      tally.waitMs = Math.max(tally.waitMs, result.afterMs)
      tally.failed.push({ id, reason: result.reason, ambiguous: result.ambiguous, until: 'retry' })
  }
}

/** Notes a device that was not sent to. */
export function noteSpared(tally: Tally, { id, unsure }: Recipient, verdict: Verdict): void {
  if (verdict.outcome === 'retry') {
    tally.waitMs = Math.max(tally.waitMs, verdict.afterMs)
    tally.failed.push({ id, reason: verdict.reason, ambiguous: unsure, until: 'retry' })
  } else if (verdict.outcome === 'wait') {
    tally.failed.push({ id, reason: verdict.reason, ambiguous: unsure, until: verdict.until })
  } else count(tally, unsure ? 'ambiguous' : verdict.outcome, verdict.reason)
}

/** Those that failed, or of them those that wait for a retry, are not tried again: what may have arrived is ambiguous, the rest `outcome`. */
export function giveUp(
  tally: Tally,
  outcome: Outcome,
  reason?: string,
  which: 'all' | 'retries' = 'all',
): void {
  const { failed } = tally
  tally.failed = []
  for (const device of failed) {
    if (which === 'retries' && device.until !== 'retry') tally.failed.push(device)
    else count(tally, device.ambiguous ? 'ambiguous' : outcome, reason ?? device.reason)
  }
}

/** How long a retry waits, and its message: a little longer, so that it is due when it comes. */
export interface Delay {
  stepMs: number
  messageMs: number
}

/**
 * How long what failed waits: the step of its attempt (0 the first time), or the one that covers what was asked for if
 * that is longer; up to a fifth more, so that those who failed together do not come back together.
 */
export function retryDelay(attempt: number, waitMs: number, random: () => number): Delay {
  const step = DELAYS_MS[Math.min(attempt, DELAYS_MS.length - 1)] as number
  const stepMs = Math.max(step, delayStep(waitMs))
  return { stepMs, messageMs: Math.round(stepMs * (1.02 + random() * 0.18)) }
}
