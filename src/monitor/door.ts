import { timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Clock } from '../lib/clock.ts'
import { Problem } from '../lib/problems.ts'
import { sha256 } from '../lib/secrets.ts'

export interface Account {
  user: string
  password: string
}

/** Who came in. */
export interface Visitor {
  user: string
  /** Whether they may change something: by who they are, and by what the monitor is for. */
  mayAct: boolean
}

export interface DoorOptions extends Account {
  /** Who may look and nothing else. */
  viewer: Account | null
  isReadOnly: boolean
  clock: Clock
}

/** Wrong passwords from one address in a minute, before it has to wait. */
const MOST_FAILURES = 60
const MINUTE = 60_000
const MOST_ADDRESSES = 10_000

/** Who may come into the monitor, and who may change something there; throws a `Problem` for anyone else. */
export function openDoor({ user, password, viewer, isReadOnly, clock }: DoorOptions) {
  const operator = keyOf({ user, password })
  const looker = viewer && keyOf(viewer)
  const failures = new Map<string, { count: number; until: number }>()

  function fail(address: string, now: number): void {
    const known = failures.get(address)
    if (known && known.until > now) known.count++
    else {
      failures.delete(address)
      failures.set(address, { count: 1, until: now + MINUTE })
    }
    for (const oldest of failures.keys()) {
      if (failures.size <= MOST_ADDRESSES) break
      failures.delete(oldest)
    }
  }

  return {
    /** Basic Auth. An address that guessed too often waits, whatever it says next. */
    admit(authorization: string | undefined, address: string): Visitor {
      const now = clock.now()
      const known = failures.get(address)
      if (known && known.until > now && known.count >= MOST_FAILURES) {
        throw new Problem('rate_limited', { retryAfter: (known.until - now) / 1_000 })
      }
      const given = authorization?.match(/^basic +([\w+/=-]{1,1000})$/i)?.[1] ?? ''
      const key = sha256(given)
      if (timingSafeEqual(key, operator)) return { user, mayAct: !isReadOnly }
      if (viewer && looker && timingSafeEqual(key, looker)) return { user: viewer.user, mayAct: false }
      // A browser that has not been asked yet guesses nothing.
      if (authorization) fail(address, now)
      throw new Problem('unauthenticated', {
        detail: {
          fr: 'Donnez l’utilisateur et le mot de passe du moniteur.',
          en: 'Sign in with the monitor’s user and password.',
        },
      })
    },
    /** What changes something comes from the monitor itself or from a program, and not where it only shows. */
    permitChange(visitor: Visitor, headers: IncomingHttpHeaders): void {
      if (isReadOnly) {
        throw new Problem('forbidden', {
          detail: {
            fr: 'Ce moniteur ne fait que montrer (MONITOR_READ_ONLY).',
            en: 'This monitor only shows (MONITOR_READ_ONLY).',
          },
        })
      }
      if (!visitor.mayAct) {
        throw new Problem('forbidden', {
          detail: {
            fr: `« ${visitor.user} » regarde sans rien changer : connectez-vous avec un compte qui agit.`,
            en: `“${visitor.user}” looks and changes nothing: sign in with an account that acts.`,
          },
        })
      }
      if (!isOwnOrigin(headers)) {
        throw new Problem('forbidden', {
          detail: {
            fr: 'Cette demande vient d’un autre site.',
            en: 'This request comes from another site.',
          },
        })
      }
    },
  }
}

const keyOf = ({ user, password }: Account) => sha256(Buffer.from(`${user}:${password}`).toString('base64'))

/** A browser says where a request comes from; programs say nothing. */
function isOwnOrigin(headers: IncomingHttpHeaders): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin') return false
  const { origin, host } = headers
  if (origin === undefined) return true
  if (!URL.canParse(origin)) return false
  const { protocol, host: from } = new URL(origin)
  // Read the same way: an address leaves out the port that its protocol has anyway.
  const own = `${protocol}//${host}`
  return URL.canParse(own) && new URL(own).host === from
}
