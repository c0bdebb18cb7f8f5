import type { Bounded, UnderWay } from './under-way.ts'

/** What became of one request. */
export type Exchange =
  | { kind: 'answered'; status: number; retryAfter: string | undefined; body: string }
  /** The peer certainly did not process it. */
  | { kind: 'unreached'; reason: string }
  /** It was sent, and no answer came: it may have been processed. */
  | { kind: 'lost'; reason: string }

/** What nearly every answer is. */
export const ACCEPTED: Exchange = Object.freeze({
  kind: 'answered',
  status: 200,
  retryAfter: undefined,
  body: '',
})

/** One POST to FCM. */
export interface PushRequest {
  /** The value of the `Authorization` header. */
  authorization: string
  body: Buffer
  /** Goes before those that are not, where requests wait. */
  urgent: boolean
}

/** Whoever waits for the outcome. */
export interface Asker {
  done(exchange: Exchange): void
  /** Called instead when the signal aborts first. */
  aborted(reason: unknown): void
}

/** A request on its way through the pool; the first outcome counts, within its time. */
export class Task implements Bounded {
  readonly request: PushRequest
  readonly endsAt: number
  readonly signal: AbortSignal | undefined
  /** Kept by `UnderWay`. */
  before: Bounded | null = null
  after: Bounded | null = null
  settled = false
  /** How often a connection gave it back unprocessed. */
  returns = 0
  /** The connection that has it now, to be suspected when no answer comes. */
  sentOn: { suspect(): void } | null = null
  /** Stops caring for the answer. */
  cancel: (() => void) | null = null
  private readonly asker: Asker
  private readonly underWay: UnderWay

  /** `endsAt` is on `performance.now()`. */
  constructor(
    request: PushRequest,
    endsAt: number,
    signal: AbortSignal | undefined,
    asker: Asker,
    underWay: UnderWay,
  ) {
    this.request = request
    this.endsAt = endsAt
    this.signal = signal
    this.asker = asker
    this.underWay = underWay
    underWay.add(this)
  }

  settle(exchange: Exchange): void {
    if (this.finish()) this.asker.done(exchange)
  }

  expire(): void {
    this.sentOn?.suspect()
    this.settle({ kind: this.sentOn ? 'lost' : 'unreached', reason: 'timeout' })
    this.cancel?.()
  }

  abort(): void {
    if (this.finish()) this.asker.aborted(this.signal?.reason)
    this.cancel?.()
  }

  private finish(): boolean {
    if (this.settled) return false
    this.settled = true
    this.underWay.delete(this)
    return true
  }
}
