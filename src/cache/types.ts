/** Answers that many ask for, kept for a moment. Nothing here may be lost dearly: PostgreSQL is the truth. */
export interface Cache {
  /**
   * The text kept under `key`, or what `load` returns. `scopes` are what the answer depends on (`customer:<id>`,
   * `everyone`): an answer carries their versions, so it is never older than the last acknowledged `bump` of any of
   * them, and a load that finishes late cannot bring the past back. One load at a time per key and process, however
   * many ask.
   *
   * `ttlMs` counts from the moment the load began; where processes share a cache, an answer with scopes is kept for at
   * most 2 s of it (docs/decisions/0009). In its last fifth one reader has it loaded anew while the others go on
   * reading. For `staleMs` more it is shown when a load fails, if nothing that it depends on was bumped; else the
   * failure of the load is the reader's.
   */
  text(
    key: string,
    scopes: readonly string[],
    ttlMs: number,
    load: () => Promise<string>,
    staleMs?: number,
  ): Promise<string>
  /**
   * As `text`, as the bytes to send: encoded once, not for each who reads; nobody may change them. At once when they
   * are at hand.
   */
  bytes(
    key: string,
    scopes: readonly string[],
    ttlMs: number,
    load: () => Promise<string | Buffer>,
    staleMs?: number,
  ): Buffer | Promise<Buffer>
  /**
   * What depends on these scopes is read anew. Resolves when every later reader sees it. While the shared cache is away
   * it resolves all the same, soon: this process reads anew from then on, the others within 2 s at the latest. Never
   * rejects.
   */
  bump(...scopes: string[]): Promise<void>
  /** 'down' while answers are loaded each time because the shared cache is away. No call is made. */
  state(): 'ok' | 'down'
  close(): Promise<void>
}

/** Messages to every process that listens, at once or never: for open WebSockets and the like, not for work. */
export interface Fanout {
  /**
   * Listeners of this process are told before it returns, those of others soon, in the order of publishing. Others get
   * a copy by way of JSON.
   */
  publish(topic: string, message: unknown): void
  /** Returns the function that ends the subscription. */
  subscribe(topic: string, listener: (message: unknown) => void): () => void
  /**
   * Called after messages of other processes may have been missed, once they arrive again. Returns the function that
   * ends it.
   */
  onGap(listener: () => void): () => void
}

export interface Allowance {
  ok: boolean
  remaining: number
  /** ms until one more is allowed again; 0 when `ok`. */
  retryAfterMs: number
}

/** Counts within windows of time. */
export interface Limiter {
  /**
   * Takes one from the allowance of `key`: at most `limit` in each window of `windowMs` by the clock, less than twice
   * that in any stretch as long as a window, and never more in the long run. What is refused is not counted; after
   * `retryAfterMs` one more is allowed if nobody else took it. A key has one window.
   */
  take(key: string, limit: number, windowMs: number): Allowance | Promise<Allowance>
  /** Gives the whole allowance back, after a success. */
  forget(key: string): Promise<void>
}

/** Tokens that all processes share, filled at an even rate. */
export interface Bucket {
  /**
   * Takes up to `wanted` tokens at once. An urgent taker may empty it; others leave the reserve. When less than `wanted`
   * was granted, `waitMs` says when the rest will be there if nobody else takes it, or as much of the rest as the
   * bucket can hold for this taker; else it is 0.
   */
  take(wanted: number, urgent: boolean): Promise<{ granted: number; waitMs: number }>
}

export interface BucketSize {
  perSecond: number
  /** Tokens that it holds when full, as it is at first. */
  size: number
  /** Tokens that are for urgent takers alone: less than `size`. */
  reserve: number
}

/** Texts kept for a while under a key: results of tasks and the like. Nothing that may not be lost. */
export interface Shelf {
  /** Rejects with a `RangeError` when the text is longer than the shelf takes. Lost when the shelf is away. */
  put(key: string, text: string, ttlMs: number): Promise<void>
  /** Null when it was not put, its time is over, it was dropped for want of room, or the shelf is away. */
  get(key: string): Promise<string | null>
}
