import { createCounts } from './counts.ts'
import { openJournal } from './journal.ts'

/** Everything that can become of a request, in the order of the codes on disk: only append. */
export const OUTCOMES = [
  'close',
  'hang',
  'UNREGISTERED',
  'INVALID_ARGUMENT',
  'SENDER_ID_MISMATCH',
  'QUOTA_EXCEEDED',
  'UNAVAILABLE',
  'INTERNAL',
  'THIRD_PARTY_AUTH_ERROR',
  'UNAUTHENTICATED',
  'PERMISSION_DENIED',
] as const
export type Outcome = (typeof OUTCOMES)[number]

export interface LedgerStats {
  /** Messages accepted for delivery, repetitions included. */
  received: number
  /** Pairs of device and notification among them. */
  distinct: number
  /** `received − distinct`. */
  duplicates: number
  /** Every request by what became of it; `ok` was answered, `close` was accepted and the answer lost. */
  byOutcome: Record<string, number>
  /** Devices that received something. */
  devices: number
}

export interface Ledger {
  /** Records an accepted message. False, and nothing recorded, when the ledger is full. */
  accept(token: string, notificationId: string): boolean
  outcome(outcome: Outcome): void
  /** How often this device received this notification; beyond 255 it says 255. */
  count(token: string, notificationId: string): number
  stats(): LedgerStats
  forget(): void
  flush(): void
  close(): void
}

const MOST_DEVICES = 4_000_000
/** Older notifications are folded into the totals: only a repetition of theirs would be taken for a first. */
const MOST_NOTIFICATIONS = 500_000
const FLUSH_MS = 200

/**
 * The count of every accepted message by device and notification, in memory and in `file`, so that a restart
 * keeps it. Devices and notifications are numbers from their first message on.
 */
export function openLedger(file: string): Ledger {
  const devices = new Map<string, number>()
  const notifications = new Map<string, number>()
  /** A ring of the notifications in `notifications`. */
  let ids: string[] = []
  const counts = createCounts()
  const others = OUTCOMES.map(() => 0)
  let nextNotification = 0
  let received = 0
  let distinct = 0

  function addDevice(token: string): number {
    const number = devices.size
    devices.set(token, number)
    return number
  }

  function addNotification(id: string): number {
    const oldest = ids[nextNotification % MOST_NOTIFICATIONS]
    if (oldest !== undefined) {
      notifications.delete(oldest)
      counts.forget(nextNotification - MOST_NOTIFICATIONS)
    }
    ids[nextNotification % MOST_NOTIFICATIONS] = id
    notifications.set(id, nextNotification)
    return nextNotification++
  }

  function addAccepted(device: number, notification: number): void {
    received += 1
    if (counts.add(device, notification) === 0) distinct += 1
  }

  function addOutcome(code: number): void {
    others[code] = (others[code] ?? 0) + 1
  }

  function forget(): void {
    devices.clear()
    notifications.clear()
    ids = []
    counts.clear()
    others.fill(0)
    nextNotification = received = distinct = 0
  }

  const journal = openJournal(file, {
    device: addDevice,
    notification: addNotification,
    accepted: addAccepted,
    outcome: addOutcome,
  })
  const timer = setInterval(journal.flush, FLUSH_MS)
  timer.unref()

  return {
    accept: (token, notificationId) => {
      let device = devices.get(token)
      if (!journal.hasRoom() || (device === undefined && devices.size >= MOST_DEVICES)) return false
      if (device === undefined) {
        device = addDevice(token)
        journal.device(token)
      }
      let notification = notifications.get(notificationId)
      if (notification === undefined) {
        notification = addNotification(notificationId)
        journal.notification(notificationId)
      }
      addAccepted(device, notification)
      journal.accepted(device, notification)
      return true
    },
    outcome: outcome => {
      const code = OUTCOMES.indexOf(outcome)
      addOutcome(code)
      if (journal.hasRoom()) journal.outcome(code)
    },
    count: (token, notificationId) => {
      const device = devices.get(token)
      const notification = notifications.get(notificationId)
      return device === undefined || notification === undefined ? 0 : counts.get(device, notification)
    },
    stats: () => {
      const byOutcome: Record<string, number> = { ok: received }
      OUTCOMES.forEach((outcome, code) => {
        const times = others[code] ?? 0
        if (times > 0) byOutcome[outcome] = times
        if (outcome === 'close') byOutcome.ok = received - times
      })
      return { received, distinct, duplicates: received - distinct, byOutcome, devices: devices.size }
    },
    forget: () => {
      forget()
      journal.clear()
    },
    flush: journal.flush,
    close: () => {
      clearInterval(timer)
      journal.close()
    },
  }
}
