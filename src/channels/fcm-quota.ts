import { whenAborted } from './aborts.ts'

/** Leave to send, shared by all processes; the `Bucket` of the cache is one. */
export interface Quota {
  /** Takes up to `wanted` at once; when less was granted, `waitMs` says when there may be more. */
  take(wanted: number, urgent: boolean): Promise<{ granted: number; waitMs: number }>
}

/** Leave for one push at a time, out of lots: the shared quota is not asked for each. */
export interface Allowance {
  /**
   * Null when the push may go now. A promise when it must wait: of null, or of the ms after which there may be leave,
   * when that is later than `endsAt` (on `performance.now()`). Rejects only with the signal's reason.
   */
  take(urgent: boolean, endsAt: number, signal: AbortSignal | undefined): null | Promise<number | null>
}

export interface AllowanceOptions {
  quota: Quota
  /** The quota could not be asked: pushes go on, and FCM itself sets the limit. */
  onTrouble(reason: string): void
}

const LARGEST_LOT = 500
/** What is left of a lot after so long is not used any more: others had it in their way. */
const LOT_LIFE_MS = 1_000
const MOST_WAITING = 10_000
const ANSWER_MS = 1_000
const SHORTEST_WAIT_MS = 10

interface Waiter {
  endsAt: number
  settled: boolean
  settle(waitMs: number | null): void
}

/** A line of its own for urgent pushes and for the others: those may use a reserve that these may not. */
export function openAllowance(options: AllowanceOptions): Allowance {
  const usual = openLine(false, options)
  const urgent = openLine(true, options)
  return {
    take: (isUrgent, endsAt, signal) => {
      if (usual.takeNow() || (isUrgent && urgent.takeNow())) return null
      return (isUrgent ? urgent : usual).wait(endsAt, signal)
    },
  }
}

function openLine(urgent: boolean, { quota, onTrouble }: AllowanceOptions) {
  const waiting: Waiter[] = []
  let tokens = 0
  let staleAt = 0
  /** Doubles when a lot is used up in its life, halves when not. */
  let lot = 1
  let emptyUntil = 0
  let asking = false

  /** Whoever came before goes first. */
  function takeNow(): boolean {
    if (tokens === 0 || waiting.length > 0 || performance.now() >= staleAt) return false
    tokens -= 1
    return true
  }

  function wait(endsAt: number, signal: AbortSignal | undefined): Promise<number | null> {
    const now = performance.now()
    if (emptyUntil > endsAt) return Promise.resolve(emptyUntil - now)
    if (waiting.length >= MOST_WAITING) return Promise.resolve(LOT_LIFE_MS)
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { endsAt, settled: false, settle: waitMs => end() && resolve(waitMs) }
      const stopListening = whenAborted(signal, () => end() && reject(signal?.reason))
      function end(): boolean {
        if (waiter.settled) return false
        waiter.settled = true
        stopListening()
        return true
      }
      waiting.push(waiter)
      if (!asking) void serve()
    })
  }

  /** Asks for lots until nobody waits. */
  async function serve(): Promise<void> {
    asking = true
    lot = performance.now() < staleAt ? Math.min(LARGEST_LOT, lot * 2) : Math.max(1, lot >> 1)
    while (waiting.length > 0) {
      const wanted = Math.max(lot, Math.min(LARGEST_LOT, waiting.length))
      const { granted, waitMs } = await ask(wanted)
      tokens = granted
      staleAt = performance.now() + LOT_LIFE_MS
      handOut()
      if (granted < wanted && waiting.length > 0) await pause(waitMs)
    }
    asking = false
  }

  function handOut(): void {
    while (tokens > 0 && waiting.length > 0) {
      const waiter = waiting.shift()
      if (!waiter || waiter.settled) continue
      tokens -= 1
      waiter.settle(null)
    }
  }

  /** Nothing before `waitMs`: who cannot wait so long is told, the others wait. */
  async function pause(waitMs: number): Promise<void> {
    const ms = Math.max(SHORTEST_WAIT_MS, waitMs)
    emptyUntil = performance.now() + ms
    for (const waiter of waiting) if (waiter.endsAt < emptyUntil) waiter.settle(ms)
    const patient = waiting.filter(({ settled }) => !settled)
    waiting.splice(0, waiting.length, ...patient)
    if (patient.length > 0) await new Promise(resolve => setTimeout(resolve, ms))
  }

  async function ask(wanted: number): Promise<{ granted: number; waitMs: number }> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('timeout')), ANSWER_MS)
    })
    try {
      return await Promise.race([quota.take(wanted, urgent), late])
    } catch (error) {
      onTrouble((error as Error).message)
      return { granted: wanted, waitMs: 0 }
    } finally {
      clearTimeout(timer)
    }
  }

  return { takeNow, wait }
}
