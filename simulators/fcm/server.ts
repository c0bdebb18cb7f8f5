import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createLastItems } from '../last-items.ts'
import { loadOrCreateAccount } from './account.ts'
import { type Behaviour, createBehaviours } from './behaviour.ts'
import { openDoor } from './door.ts'
import { type LedgerStats, openLedger } from './ledger.ts'
import { createTokenIssuer } from './oauth.ts'
import type { ReceivedPush } from './payload.ts'
import { decideSend, type SendParts } from './sends.ts'

export interface FcmOptions {
  /** A certificate for 127.0.0.1 and its key, PEM. */
  tls: { key: string; cert: string }
  /** Where the ledger and the service account are kept. */
  dir: string
  /** 0 picks a free one. */
  port?: number
  tokenLifeMs?: number
  maxConcurrentStreams?: number
  /** Called for every accepted message; must be quick. */
  onPush?: (push: ReceivedPush) => void
  now?: () => number
  random?: () => number
}

/** A running Firebase Cloud Messaging with the OAuth endpoint in front of it. */
export interface Fcm {
  port: number
  baseUrl: string
  serviceAccountFile: string
  behave(behaviour: Behaviour): void
  behaviours(): Behaviour[]
  stats(): LedgerStats
  /** How often this device received this notification. */
  count(token: string, notificationId: string): number
  /** The last messages of a device, newest first. */
  pushes(token: string): ReceivedPush[]
  /** Empties the ledger. */
  forget(): void
  /** Sends GOAWAY on every connection, as Google's front ends do now and then. */
  goaway(): void
  tokensIssued(): number
  /** Ends the life of every access token. */
  revokeTokens(): void
  close(): Promise<void>
}

/** Starts the simulator on 127.0.0.1. Rejects when the port is taken. */
export async function startFcm(options: FcmOptions): Promise<Fcm> {
  mkdirSync(options.dir, { recursive: true })
  const now = options.now ?? Date.now
  const behaviours = createBehaviours(options.random ?? Math.random)
  const recent = createLastItems<ReceivedPush>({ most: 50_000, perKey: 20 })
  let send: SendParts | null = null

  const door = await openDoor({
    tls: options.tls,
    port: options.port ?? 0,
    maxConcurrentStreams: options.maxConcurrentStreams ?? 100,
    refused: behaviours.dead,
    decide: request => {
      if (send === null) return answer(503, {})
      if (request.method !== 'POST') return answer(405, {})
      if (request.path !== '/token') return decideSend(send, request)
      return send.tokens.exchange(request.body.toString()).then(({ status, body }) => answer(status, body))
    },
  })
  const { port } = door.address
  const baseUrl = `https://127.0.0.1:${port}`
  const { account, file } = loadOrCreateAccount(options.dir, `${baseUrl}/token`)
  const ledger = openLedger(join(options.dir, 'pushes.ledger'))
  const tokens = createTokenIssuer(account, { lifeMs: options.tokenLifeMs ?? 3_600_000, now })
  send = {
    projectId: account.project_id,
    tokens,
    behaviours,
    ledger,
    now,
    received: push => {
      recent.add(push.token, push)
      options.onPush?.(push)
    },
  }

  return {
    port,
    baseUrl,
    serviceAccountFile: file,
    behave: behaviour => {
      behaviours.set(behaviour)
      door.refuseAgain()
    },
    behaviours: behaviours.current,
    stats: ledger.stats,
    count: ledger.count,
    pushes: recent.of,
    forget: () => {
      ledger.forget()
      recent.clear()
    },
    goaway: door.goaway,
    tokensIssued: tokens.issued,
    revokeTokens: tokens.revokeAll,
    close: async () => {
      await door.close()
      ledger.close()
    },
  }
}

const answer = (status: number, body: object) => ({
  kind: 'answer' as const,
  status,
  body: JSON.stringify(body),
  delayMs: 0,
})
