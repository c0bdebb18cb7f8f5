import { type Static, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { UUID } from '../../lib/cursor.ts'
import type { Caller, Language } from '../caller.ts'
import { Strict } from '../schemas.ts'

const Id = Type.String({ pattern: UUID.source })

const ClientMessage = Type.Union([
  Strict({
    type: Type.Literal('auth'),
    token: Type.String({ minLength: 1, maxLength: 2_000 }),
    lastSeenId: Type.Optional(Type.String({ maxLength: 100 })),
  }),
  Strict({ type: Type.Literal('pong') }),
  Strict({ type: Type.Literal('read'), id: Id }),
  Strict({ type: Type.Literal('watch'), broadcastId: Id }),
])
const validator = Compile(ClientMessage)

/** What a client may say. */
export type ClientMessage = Static<typeof ClientMessage>

/** A client's text as one of its messages; `malformed` when it is no JSON object, `unknown` when it is no message of ours. */
export function readMessage(text: string): ClientMessage | 'malformed' | 'unknown' {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return 'malformed'
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return 'malformed'
  return validator.Check(value) ? value : 'unknown'
}

/** Why a socket is closed; from 4000 on the codes are ours, explained in the description of the route. */
export const CLOSE = {
  restart: 1012,
  tryLater: 1013,
  malformed: 4400,
  unauthenticated: 4401,
  revoked: 4403,
  noPong: 4408,
  tooManySockets: 4409,
  tooManyMessages: 4429,
} as const

/** What a broadcast says. */
export interface Words {
  title: string
  body: string
}

/** Makes the words of a broadcast those for one listener. */
export type FillIn = (words: Words) => Words

/** What the business gives: whose sockets hear what, and what they missed. */
export interface RealtimeInbox {
  /** Those of the topics below that never change: by one of them the others' changes are told (`links-changed`). */
  ownTopics(caller: Caller): string[]
  /** The fan-out topics that a caller hears, their language, and how words with variables are for them. Rejects with `Problem('session_ended')` when they are gone. */
  topicsOf(caller: Caller): Promise<{ language: Language; topics: string[]; fillIn?: FillIn }>
  /** What came after `lastSeenId`, oldest first; not complete when there was more or it is not known. */
  replay(
    caller: Caller,
    lastSeenId: string | undefined,
  ): Promise<{ items: { id: string }[]; complete: boolean; unread: number | null }>
  markRead(caller: Caller, id: string): Promise<void>
  mayWatch(caller: Caller, broadcastId: string): Promise<boolean>
}

export interface RealtimeLimits {
  /** Sockets of this process. */
  sockets: number
  /** Of them, those that are not let in yet: they have not said who they are, or wait for their turn. */
  entering: number
  /**
   * Of these, those that wait for their turn: a second's worth. When thousands come back at once most are sent away before they cost
   * much, so that requests and the balancer's checks are answered meanwhile. Who has not proved who they are takes none of these places.
   */
  waiting: number
  /** How many are let in at the same time: each takes a connection to the database for a moment. */
  entrances: number
  /** Sockets of one account; the oldest goes. */
  socketsOfAccount: number
  /** ms between looks at who is late: the precision of all time limits here. */
  tickMs: number
  /** Origins of browsers besides the API's own. */
  origins: readonly string[]
}

export const LIMITS: RealtimeLimits = {
  sockets: 10_000,
  entering: 2_000,
  waiting: 250,
  entrances: 4,
  socketsOfAccount: 10,
  tickMs: 500,
  origins: [],
}
