import { readFileSync } from 'node:fs'
import { readFcmAccount } from '../../src/channels/fcm-account.ts'
import { createPayloads } from '../../src/channels/fcm-payload.ts'
import { openTokenSource } from '../../src/channels/fcm-token.ts'
import type { PushMessage } from '../../src/channels/index.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { newId } from '../../src/lib/id.ts'

/** What a process that sends pushes is started with. */
export interface Pushes {
  serviceAccountFile: string
  caFile: string
  /** The way to FCM; direct when absent. */
  proxyUrl?: string
  /** HTTP/2 connections, or a hundred times as many of HTTP/1.1. */
  sessions: number
  /** Requests at a time on each. */
  streams: number
}

/** What it answers to a `Distance`. */
export interface Sends {
  perSecond: number
  /** µs of processor time for one. */
  cost: number
}

/** The messages of one broadcast, to a new device each. */
export function messages(): () => PushMessage {
  const expiresAt = Date.now() + 86_400_000
  const notificationId = newId()
  let next = 0
  return () => ({
    token: `sim-push-${next++}`.padEnd(160, 'x'),
    notificationId,
    type: 'announcement',
    title: 'Coupure prévue demain',
    body: 'Des travaux auront lieu de 9 h à 12 h.',
    priority: 'normal',
    expiresAt,
  })
}

/** What a bare client needs: where to, with which header, and the bytes. */
export async function bareRequests({ serviceAccountFile, caFile, proxyUrl }: Pushes) {
  const account = readFcmAccount(serviceAccountFile)
  const ca = readFileSync(caFile, 'utf8')
  const tokens = openTokenSource({
    account,
    ca,
    proxy: proxyUrl,
    timeoutMs: 5_000,
    clock: systemClock,
    onTrouble: reason => process.stderr.write(`${reason}\n`),
  })
  const authorization = await tokens.obtain()
  await tokens.close()
  const payloadOf = createPayloads(false)
  const next = messages()
  return {
    origin: new URL(account.tokenUri).origin,
    ca,
    path: `/v1/projects/${account.projectId}/messages:send`,
    headers: { 'content-type': 'application/json; charset=utf-8', authorization },
    body: () => payloadOf(next(), Date.now()),
  }
}

/** How long a race is: whichever comes first. */
export interface Distance {
  count: number
  seconds?: number
}

/** Sends so many at a time, and says how fast it went. */
export async function race(
  { count, seconds = Number.POSITIVE_INFINITY }: Distance,
  lines: number,
  send: (line: number) => Promise<void>,
): Promise<Sends> {
  let sent = 0
  const cpu = process.cpuUsage()
  const startedAt = performance.now()
  const endsAt = startedAt + seconds * 1_000
  const line = async (number: number) => {
    while (sent < count && performance.now() < endsAt) {
      sent += 1
      await send(number)
    }
  }
  await Promise.all(Array.from({ length: lines }, (_, number) => line(number)))
  const took = (performance.now() - startedAt) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  return { perSecond: sent / took, cost: (user + system) / sent }
}
