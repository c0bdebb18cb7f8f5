import type { ClientRequest } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { createSecureContext, type SecureContext } from 'node:tls'
import { type ClientOptions, WebSocket } from 'ws'
import { turns } from '../../src/http/realtime/turns.ts'
import type { Seen, Start } from '../processes/customers.ts'
import { VIP } from './places.ts'

export interface Sockets {
  /** All are let in for the first time. */
  opened: Promise<void>
  mark(): void
  seen(): Seen['sockets']
}

const AT_ONCE = 50
const OPEN_MS = 170_000
/** Apps come back within this after they were cut, each in its own time; then after a second failure (docs/api.md). */
const JITTER_MS = 10_000
const LATER_JITTER_MS = 60_000
/** Handshakes at once: telephones have a processor each, these share one process, which would be late with all of them. */
const MOST_COMING = 300

/** Keeps so many apps connected; one that is cut comes back by itself, as the portal does. */
export function openSockets(people: Start['people'], wanted: number, ca: string): Sockets {
  // ws hands on what it does not know itself.
  const options: ClientOptions & { servername: string; secureContext: SecureContext } = {
    secureContext: createSecureContext({ ca }),
    servername: 'samaconso.example',
    headers: { host: 'samaconso.example' },
    handshakeTimeout: 15_000,
    perMessageDeflate: false,
  }
  // As telephones do, who comes back goes on with the TLS session that it had.
  const sessions = new Map<Start['people'][number], Buffer>()
  const inTurn = turns(MOST_COMING)
  let open = 0
  let lost = 0
  let worstAway = 0

  /** Tries once; resolves with whether it was let in. Who was, and is cut, comes back by itself. */
  function attempt(person: Start['people'][number], awaySince: number | null): Promise<boolean> {
    const session = sessions.get(person)
    const socket = new WebSocket(`wss://${VIP}/v1/realtime`, {
      ...options,
      ...(session ? { session } : {}),
      finishRequest(request: ClientRequest) {
        request.once('socket', wire => wire.on('session', (kept: Buffer) => sessions.set(person, kept)))
        request.end()
      },
    })
    return new Promise(settle => {
      let isIn = false
      socket.on('open', () => socket.send(JSON.stringify({ type: 'auth', token: person.token })))
      socket.on('message', (data: Buffer) => {
        const text = data.toString()
        if (text.startsWith('{"type":"ping"')) socket.send('{"type":"pong"}')
        if (!isIn && text.startsWith('{"type":"ready"')) {
          isIn = true
          open++
          if (awaySince !== null) worstAway = Math.max(worstAway, performance.now() - awaySince)
          settle(true)
        }
      })
      // What follows it is `close`.
      socket.on('error', () => undefined)
      socket.on('close', () => {
        settle(false)
        if (!isIn) return
        open--
        lost++
        void comeBack(person, performance.now())
      })
    })
  }

  async function comeBack(person: Start['people'][number], since: number | null): Promise<void> {
    for (let jitter = JITTER_MS; ; jitter = LATER_JITTER_MS) {
      await pause(Math.random() * jitter)
      if (await inTurn(() => attempt(person, since))) return
    }
  }

  async function openAll(): Promise<void> {
    const coming = Array.from(
      { length: wanted },
      (_, i) => people[i % people.length] as Start['people'][number],
    ).values()
    const giveUpAt = performance.now() + OPEN_MS
    const line = async () => {
      for (const person of coming) {
        if (performance.now() > giveUpAt)
          throw new Error(`${open} of ${wanted} sockets open after ${OPEN_MS} ms`)
        if (!(await attempt(person, null))) await comeBack(person, null)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, line))
  }

  return {
    opened: openAll(),
    mark() {
      lost = 0
      worstAway = 0
    },
    seen: () => ({ open, lost, worstAway: Math.round(worstAway) }),
  }
}
