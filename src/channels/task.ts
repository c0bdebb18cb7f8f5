import { actsOf } from './aborts.ts'

/** What became of one request. */
export type Exchange =
  | { kind: 'answered'; status: number; retryAfter: string | undefined; body: string }
  /** The peer certainly did not process it. */
  | { kind: 'unreached'; reason: string }
  /** It was sent, and no answer came: it may have been processed. */
  | { kind: 'lost'; reason: string }

/** One POST to FCM. */
export interface PushRequest {
  /** The value of the `Authorization` header. */
  authorization: string
  body: Buffer
  /** Goes before those that are not, where requests wait. */
  urgent: boolean
}

/** A request on its way through the pool; the first outcome counts, within its time. */
export class Task {
  readonly request: PushRequest
  settled = false
  /** How often a connection gave it back unprocessed. */
  returns = 0
  /** The connection that has it now, to be suspected when no answer comes. */
  sentOn: { suspect(): void } | null = null
  /** Stops caring for the answer. */
  cancel: (() => void) | null = null
  private readonly done: (exchange: Exchange) => void
  private readonly timer: NodeJS.Timeout
  private readonly acts: Set<() => void> | undefined
  private readonly abort: () => void

  /** `done` gets the outcome, `aborted` is called instead when the signal aborts first. */
  constructor(
    request: PushRequest,
    {
      timeoutMs,
      signal,
      done,
      aborted,
    }: {
      timeoutMs: number
      signal: AbortSignal | undefined
      done: (exchange: Exchange) => void
      aborted: () => void
    },
  ) {
    this.request = request
    this.done = done
    this.timer = setTimeout(expire, timeoutMs, this)
    this.acts = signal && actsOf(signal)
    this.abort = () => {
      if (this.finish()) aborted()
      this.cancel?.()
    }
    this.acts?.add(this.abort)
  }

  settle(exchange: Exchange): void {
    if (this.finish()) this.done(exchange)
  }

  private finish(): boolean {
    if (this.settled) return false
    this.settled = true
    clearTimeout(this.timer)
    this.acts?.delete(this.abort)
    return true
  }
}

function expire(task: Task): void {
  task.sentOn?.suspect()
  task.settle({ kind: task.sentOn ? 'lost' : 'unreached', reason: 'timeout' })
  task.cancel?.()
}
