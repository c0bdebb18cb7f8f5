import type { PushMessage } from '../../../channels/types.ts'
import type { Services } from '../../../services.ts'
import { QUEUES } from '../../../tasks/index.ts'
import { fillIn, mayHoldVariables } from '../variables.ts'
import { settleBroadcast, stopBroadcast } from './broadcast.ts'
import { openGate } from './gate.ts'
import { holdLease, type Lease } from './lease.ts'
import { measureDeliveries } from './measure.ts'
import { openPace } from './pace.ts'
import { ENOUGH_PLANNED } from './plan.ts'
import { openPlanner } from './planner.ts'
import { recipientsOf } from './recipients.ts'
import { postpone, record } from './record.ts'
import { sendAll } from './send.ts'
import { count, giveUp, newTally, type Recipient, type Tally, type Verdict } from './tally.ts'
import { peakOf } from './tempo.ts'
import { takeUnit, type Unit } from './units-sql.ts'
import { holdUnit } from './units-waiting-sql.ts'
import { openWatch, type Watched } from './watch.ts'

/**
 * The engine of one process: sends units, as many devices at a time as the channel takes, whichever units they belong
 * to. Returns the work of one unit, which may be asked for any number of times and is done once.
 */
export function openEngine(services: Services, random: () => number = Math.random) {
  const { db, clock, push, log } = services
  const gate = openGate(push.concurrency)
  const pace = openPace(push, clock)
  const watch = openWatch(services)
  const planOn = openPlanner(services)

  async function deliver(deliveryId: string, signal: AbortSignal): Promise<void> {
    const takenAt = clock.now()
    const unit = await takeUnit(db, deliveryId, takenAt)
    if (!unit) return
    if (unit.state === 'parked') {
      log.error({ event: 'delivery_parked', alert: true, deliveryId, takes: unit.takes })
      return
    }
    if (isHeld(unit.broadcastState) && !isOver(unit)) return holdUnit(db, unit)
    const wait = unit.broadcastId && unit.broadcastState === 'running' ? pace.wait() : 0
    if (wait > 0) return postpone(services, unit, wait, random)

    const lease = holdLease(services, unit, takenAt)
    const watched = unit.broadcastId ? watch(unit.broadcastId, unit.broadcastState) : undefined
    const over = new AbortController()
    try {
      const tally = await send(unit, watched, lease, eitherOf(signal, lease.lost, over.signal))
      // First, so that what this unit leaves for later is not sent meanwhile.
      await stop(unit, tally)
      const recorded = await record(services, unit, tally, random, signal)
      if (recorded) {
        measureDeliveries(unit, tally, clock.now())
        await follow(unit, tally, recorded.open)
      } else log.warn({ event: 'delivery_not_held', deliveryId, takes: unit.takes })
    } finally {
      over.abort()
      watched?.release()
      lease.release()
    }
  }

  async function send(
    unit: Unit,
    watched: Watched | undefined,
    lease: Lease,
    signal: AbortSignal,
  ): Promise<Tally> {
    const tally = newTally()
    const perSecond = unit.rate ?? peakOf(services.config)
    const recipients = await recipientsOf(db, unit, clock.now(), perSecond)
    // Devices of a retry that can be reached no more.
    if (unit.devices) count(tally, 'unregistered', 'token gone', unit.devices.length - recipients.length)
    const bulk = unit.broadcastId !== null

    /** Why whoever is left is never sent to. */
    function over(): Exclude<Verdict, { outcome: 'retry' | 'wait' }> | undefined {
      if (watched?.state === 'cancelled') return { outcome: 'suppressed', reason: 'cancelled' }
      if (unit.deleted) return { outcome: 'suppressed', reason: 'deleted' }
      return isOver(unit) ? { outcome: 'expired', reason: 'expired' } : undefined
    }

    function halt(): Verdict | undefined {
      const end = over()
      if (end) return end
      if (watched && isHeld(watched.state))
        return { outcome: 'wait', reason: watched.state, until: 'resumed' }
      if (signal.aborted || lease.isOver()) return { outcome: 'retry', reason: 'interrupted', afterMs: 0 }
      const afterMs = bulk ? pace.paused() : 0
      return afterMs > 0 ? { outcome: 'retry', reason: 'slowed down', afterMs } : undefined
    }

    await sendAll(
      {
        push,
        gate,
        place: {
          rank: QUEUES.indexOf(unit.queue) * 2 + (bulk ? 1 : 0),
          bulk,
          urgent: unit.queue === 'urgent',
        },
        message: messagesOf(unit),
        halt,
        slowDown: pace.slowDown,
        onError: error => log.error({ event: 'push_channel_failed', deliveryId: unit.id, error }),
        signal,
      },
      recipients,
      tally,
    )
    const end = over()
    if (tally.stop !== null && !bulk) giveUp(tally, 'refused', tally.stop)
    else if (end) giveUp(tally, end.outcome, end.outcome === 'expired' ? undefined : end.reason)
    return tally
  }

  /** A fault of ours: nobody else of a broadcast is tried. */
  async function stop({ broadcastId }: Unit, { stop }: Tally): Promise<void> {
    if (stop === null) return
    if (broadcastId === null) log.error({ event: 'push_refused', alert: true, reason: stop })
    else {
      // What was sent is recorded in any case; the next unit finds the fault again.
      await stopBroadcast(services, broadcastId, stop).catch(error =>
        log.error({ event: 'broadcast_stop_failed', broadcastId, error }),
      )
    }
  }

  /** What a recorded unit means for its broadcast, of which so many chunks are still open. */
  async function follow({ broadcastId, planned }: Unit, { stop }: Tally, open: number): Promise<void> {
    if (broadcastId === null) return
    // Nearly always: enough is planned, and what is not wholly planned cannot be over.
    if (stop === null && !planned && (open > ENOUGH_PLANNED || (await planOn(broadcastId)))) return
    await settleBroadcast(services, broadcastId)
  }

  const isOver = ({ expiresAt }: Unit): boolean => clock.now() >= expiresAt.getTime()

  return deliver
}

/**
 * Aborts with either of two signals, until `done`. Not `AbortSignal.any`: what that gives looks at both each time that it
 * is asked, which is for each push.
 */
function eitherOf(one: AbortSignal, other: AbortSignal, done: AbortSignal): AbortSignal {
  const either = new AbortController()
  for (const signal of [one, other]) {
    if (signal.aborted) either.abort(signal.reason)
    else signal.addEventListener('abort', () => either.abort(signal.reason), { once: true, signal: done })
  }
  return either.signal
}

/** A person decides whether it goes on. */
const isHeld = (state: string | null): boolean => state === 'paused' || state === 'stopped'

/** What each recipient is told: a notification's own words, or a broadcast's in their language. */
function messagesOf(unit: Unit): (recipient: Recipient) => PushMessage {
  const common = {
    notificationId: (unit.notificationId ?? unit.broadcastId) as string,
    type: unit.type,
    priority: unit.priority,
    expiresAt: unit.expiresAt.getTime(),
    ...(unit.data ? { data: unit.data } : {}),
  }
  if (unit.broadcastId === null) {
    const { title, body } = unit
    return ({ token }) => ({ ...common, token, title, body })
  }
  const { fr, en = fr, wo = fr } = unit.content
  const words = { fr, en, wo }
  if (!mayHoldVariables(JSON.stringify(words))) {
    return ({ token, language }) => ({ ...common, token, ...words[language] })
  }
  return recipient => ({ ...common, token: recipient.token, ...fillIn(words[recipient.language], recipient) })
}
