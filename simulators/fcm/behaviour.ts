import { FCM_ERRORS, type FcmErrorCode } from './errors.ts'

/** What FCM is told to do, to a share of the messages. */
export interface Behaviour {
  /**
   * `hang`: taken in, not accepted, never answered. `close`: accepted, then the connection is lost before the
   * answer. `dead`: connections are reset.
   */
  outcome: 'ok' | FcmErrorCode | 'hang' | 'close' | 'dead'
  /** From 0 to 1: the part of the messages that this happens to; the others go as usual. */
  share: number
  /** Waited before the answer, for the same share. */
  latencyMs: number
  /** Only device tokens that start so. */
  for?: string
  /** Sent as `Retry-After` with an error. */
  retryAfterSeconds?: number
  /** `QUOTA_EXCEEDED` of the device alone, not of the project. */
  deviceQuota?: boolean
}

export interface Behaviours {
  /** Without `for`: instead of everything said before. With it: for these tokens. */
  set(behaviour: Behaviour): void
  /** What happens to the next message for this device, null for nothing special. */
  next(token: string): Behaviour | null
  current(): Behaviour[]
  /** Whether connections are to be reset. */
  dead(): boolean
}

export const BEHAVIOUR_OUTCOMES: readonly string[] = [
  'ok',
  'hang',
  'close',
  'dead',
  ...Object.keys(FCM_ERRORS),
]

const MOST_PREFIXES = 50

/** The longest prefix that fits decides. `random` gives numbers from 0 to 1. */
export function createBehaviours(random: () => number): Behaviours {
  let all: Behaviour | null = null
  let byPrefix: Behaviour[] = []

  return {
    set: behaviour => {
      if (behaviour.for === undefined) {
        all = isUsual(behaviour) ? null : behaviour
        byPrefix = []
        return
      }
      const others = byPrefix.filter(other => other.for !== behaviour.for)
      byPrefix = [...others, behaviour]
        .sort((a, b) => (b.for?.length ?? 0) - (a.for?.length ?? 0))
        .slice(0, MOST_PREFIXES)
    },
    next: token => {
      if (all === null && byPrefix.length === 0) return null
      const chosen = byPrefix.find(behaviour => token.startsWith(behaviour.for ?? '')) ?? all
      return chosen && (chosen.share >= 1 || random() < chosen.share) ? chosen : null
    },
    current: () => [...byPrefix, ...(all ? [all] : [])],
    dead: () => all?.outcome === 'dead' && random() < all.share,
  }
}

const isUsual = ({ outcome, latencyMs }: Behaviour): boolean => outcome === 'ok' && latencyMs === 0
