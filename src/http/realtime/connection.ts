import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { Caller, Language } from '../caller.ts'
import type { Frame } from './frames.ts'
import { CLOSE, type FillIn } from './protocol.ts'

/** What a socket may leave unread on our side before it is given up. */
const MOST_BUFFERED = 1024 * 1024
/** Messages held for a socket that is being let in. */
const MOST_HELD = 300
/** Messages of a client: this many at once, then `REFILL` a second. */
const BURST = 30
const REFILL_PER_MS = 5 / 1_000

const TEXT = { binary: false } as const

/** Somebody's socket, from the upgrade to its close. */
export class Connection {
  readonly ws: WebSocket
  readonly #wire: Duplex
  /** `entering`: has said who it is and is being let in. */
  state: 'new' | 'entering' | 'open' | 'closed' = 'new'
  /** It has proved who it is, and waits for its turn to be let in. */
  isWaiting = false
  caller: Caller | null = null
  token = ''
  /** ms, of the token. */
  expiresAt = 0
  language: Language = 'fr'
  fillIn: FillIn | undefined
  /** Kept by the hub. */
  readonly topics: string[] = []
  /** Broadcasts that staff follow, oldest first. */
  readonly watched: string[] = []
  /** Until when it must have said who it is, or be let in. */
  deadline: number
  pingAt = 0
  /** 0 when no pong is awaited. */
  pongBy = 0
  /** Requests of this client under way. */
  busy = 0
  /** Whether its topics are being read; `again`: they changed meanwhile. */
  reading: 'no' | 'yes' | 'again' = 'no'
  #held: Frame[] | null = null
  #overflowed = false
  #allowance = BURST
  #refilledAt: number

  constructor(ws: WebSocket, wire: Duplex, now: number, deadline: number) {
    this.ws = ws
    this.#wire = wire
    this.deadline = deadline
    this.#refilledAt = now
  }

  /** Takes one from the client's allowance of messages; false when there is none. */
  spend(now: number): boolean {
    const refill = Math.max(0, now - this.#refilledAt) * REFILL_PER_MS
    this.#allowance = Math.min(BURST, this.#allowance + refill)
    this.#refilledAt = now
    if (this.#allowance < 1) return false
    this.#allowance--
    return true
  }

  /** From here on what is heard waits until `release`. */
  hold(): void {
    this.#held = []
  }

  /** Sends what was missed, then what was heard meanwhile and is not among it, then `ready`. */
  release({
    items,
    complete,
    unread,
  }: {
    items: { id: string }[]
    complete: boolean
    unread: number | null
  }) {
    const sent = new Set<string | null>()
    for (const notification of items) {
      sent.add(notification.id)
      this.say({ type: 'notification', notification })
    }
    const held = this.#held ?? []
    this.#held = null
    for (const frame of held) if (frame.id === null || !sent.has(frame.id)) this.#pass(frame)
    this.say({ type: 'ready', complete: complete && !this.#overflowed })
    if (unread !== null) this.say({ type: 'unread-count', count: unread })
  }

  /** Gives it a message of a topic. */
  hear(frame: Frame): void {
    if (this.state === 'closed') return
    if (frame.told) {
      if (frame.told.has(this)) return
      frame.told.add(this)
    }
    if (!this.#held) this.#pass(frame)
    else if (this.#held.length < MOST_HELD) this.#held.push(frame)
    else this.#overflowed = true
  }

  /** Sends a message to this socket alone. */
  say(message: unknown): void {
    if (this.state !== 'closed' && this.#keepsUp()) this.ws.send(JSON.stringify(message), TEXT)
  }

  /**
   * Sends what many hear. Its frame is made already, and goes past `ws` in one write: with nothing compressed `ws` writes
   * each of its own frames whole, at once and in order, so the two do not mix.
   */
  #pass(frame: Frame): void {
    if (this.ws.readyState === this.ws.OPEN && this.#keepsUp()) this.#wire.write(frame.for(this))
  }

  #keepsUp(): boolean {
    if (this.ws.bufferedAmount <= MOST_BUFFERED) return true
    this.ws.close(CLOSE.tryLater, 'too slow')
    return false
  }
}
