/** The time, in milliseconds since the epoch, as an argument: tests move it, code never calls `Date.now` for a rule. */
export interface Clock {
  now(): number
}

export const systemClock: Clock = { now: () => Date.now() }
