/** Answers that many ask for, kept for a moment. Nothing here may be lost dearly: PostgreSQL is the truth. */
export interface Cache {
  /**
   * The text kept under `key`, or what `load` returns. `scopes` are what the answer depends on (`customer:<id>`,
   * `everyone`): a key carries their versions, so an answer is never older than the last `bump` of any of them, and a
   * load that finishes late cannot bring the past back. One load at a time per key, however many ask.
   */
  text(key: string, scopes: readonly string[], ttlMs: number, load: () => Promise<string>): Promise<string>
  /**
   * As `text`, as the bytes to send: encoded once, not for each who reads; nobody may change them. At once when they
   * are at hand.
   */
  bytes(
    key: string,
    scopes: readonly string[],
    ttlMs: number,
    load: () => Promise<string | Buffer>,
  ): Buffer | Promise<Buffer>
  /** What depends on these scopes is read anew. Resolves when every later reader sees it. */
  bump(...scopes: string[]): Promise<void>
  state(): 'ok' | 'down'
  close(): Promise<void>
}

/** Messages to every process that listens, at once or never: for open WebSockets and the like, not for work. */
export interface Fanout {
  publish(topic: string, message: unknown): void
  /** Returns the function that ends the subscription. */
  subscribe(topic: string, listener: (message: unknown) => void): () => void
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
   * was granted, `waitMs` says when there may be more.
   */
  take(wanted: number, urgent: boolean): Promise<{ granted: number; waitMs: number }>
}

/** Texts kept for a while under a key: results of tasks and the like. Nothing that may not be lost. */
export interface Shelf {
  put(key: string, text: string, ttlMs: number): Promise<void>
  get(key: string): Promise<string | null>
}
