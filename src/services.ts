import type { FastifyRequest } from 'fastify'
import type { BackOffice } from './backoffice/types.ts'
import type { Cache, Fanout, Limiter, Shelf } from './cache/index.ts'
import type { PushChannel, SmsChannel } from './channels/types.ts'
import type { Config } from './config.ts'
import type { Database } from './db/index.ts'
import { type Caller, type Language, languageOf } from './http/index.ts'
import type { Clock } from './lib/clock.ts'
import type { Secrets } from './lib/secrets.ts'
import type { OpenLog } from './observability/index.ts'
import type { Storage } from './storage/index.ts'

/** What the business works with: opened once per process by its role, passed as an argument everywhere. */
export interface Services {
  config: Config
  clock: Clock
  log: OpenLog
  db: Database
  cache: Cache
  fanout: Fanout
  limiter: Limiter
  /** Where results of tasks are for an hour. */
  shelf: Shelf
  /** Tells the relay that a transaction wrote to the outbox: call it in `afterCommit`. */
  wakeRelay: () => void
  backoffice: BackOffice
  push: PushChannel
  sms: SmsChannel
  secrets: Secrets
  /** Files of customers and staff. */
  storage: Storage
}

/** One call of a use case: who asks, in which language, under which request id. */
export interface Ctx extends Services {
  caller: Caller
  language: Language
  requestId: string
  /** The client's address, for limits. */
  ip: string
}

/** The context of one HTTP request; on a public route the caller is nobody in particular. */
export const contextOf = (services: Services, request: FastifyRequest): Ctx => ({
  ...services,
  caller: request.caller ?? NOBODY,
  language: languageOf(request.headers['accept-language']),
  requestId: request.id,
  ip: request.ip,
})

const NOBODY: Caller = {
  id: '00000000-0000-0000-0000-000000000000',
  role: 'customer',
  agencyId: null,
  sessionId: '',
}
