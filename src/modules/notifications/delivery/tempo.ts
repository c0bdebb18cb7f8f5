import type { Config } from '../../../config.ts'

/** What decides how fast a broadcast may be sent. */
export interface Limits {
  /** Devices a second, as somebody limited it; null when nobody did. */
  rate: number | null
  devices: number
  /** When it was started or resumed; ms. */
  rampFrom: number
}

/** The share of the full speed that a rise starts with. */
const START = 0.1
/** A pause of the planner is made up for up to this long; ms. */
export const SLACK_MS = 250
/** Nothing more is planned while so much waits to be sent, so that a worker that comes back does not send it all at once; ms. */
const AHEAD_MS = 500

/** What the quota of the project allows: pushes a second. */
export const peakOf = ({ fcmQuotaPerMinute }: Pick<Config, 'fcmQuotaPerMinute'>): number =>
  fcmQuotaPerMinute / 60

/**
 * How fast a broadcast may be sent at a moment, in devices a second; null for as fast as it goes. FCM wants no sudden peaks:
 * a large one, urgent or not, rises from a tenth of the quota to all of it. To be told "slow down" for a minute would
 * cost an urgent one more than that.
 */
export function tempoOf(
  { rate, devices, rampFrom }: Limits,
  now: number,
  config: Pick<Config, 'fcmQuotaPerMinute' | 'rampAbove' | 'rampSeconds'>,
): number | null {
  const elapsed = now - rampFrom
  const rampMs = config.rampSeconds * 1_000
  if (devices <= config.rampAbove || elapsed >= rampMs) return rate
  const risen = peakOf(config) * (START + (1 - START) * (Math.max(0, elapsed) / rampMs))
  return Math.min(rate ?? risen, risen)
}

/** How a walk goes on at a tempo: the size and number of the next chunks, about a quarter of a second's worth. */
export function stepOf(
  tempo: number,
  most: { size: number; chunks: number },
): { size: number; chunks: number } {
  const quarter = tempo / 4
  const size = Math.max(1, Math.min(most.size, Math.ceil(quarter)))
  return { size, chunks: Math.max(1, Math.min(most.chunks, Math.floor(quarter / size))) }
}

/** ms until a walk at a tempo may go on, which was allowed to from `pacedUntil`, with `open` devices planned and not sent. */
export function waitOf(tempo: number, pacedUntil: number, open: number, now: number): number {
  if (pacedUntil > now) return pacedUntil - now
  return (open / tempo) * 1_000 >= AHEAD_MS ? SLACK_MS : 0
}
