import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { until } from '../../../test/harness.ts'
import { inProcessFanout } from '../../cache/index.ts'
import { systemClock } from '../../lib/clock.ts'
import { openLog } from '../../observability/index.ts'
import { type Realtime, realtime } from '../realtime.ts'

const server = createServer()
const sockets: WebSocket[] = []
let live: Realtime
let letIn: () => void

/** Two may wait for their turn; the database answers nobody before `letIn`. */
beforeEach(async () => {
  const answered = new Promise<void>(done => {
    letIn = done
  })
  live = realtime({
    server,
    clock: systemClock,
    fanout: inProcessFanout(),
    log: openLog({ level: 'error', instance: 'test' }),
    limits: { waiting: 2, entering: 5, tickMs: 10 },
    tokens: {
      verify: async id => ({
        caller: { id, role: 'customer', agencyId: null, sessionId: id },
        expiresAt: Date.now() + 60_000,
        allowance: id,
      }),
    },
    inbox: {
      ownTopics: () => [],
      topicsOf: () => answered.then(() => ({ language: 'fr' as const, topics: [] })),
      replay: async () => ({ items: [], complete: true, unread: 0 }),
      markRead: async () => undefined,
      mayWatch: async () => false,
    },
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterEach(async () => {
  letIn()
  for (const socket of sockets.splice(0)) socket.terminate()
  await live.closeAll('end of test')
  server.close()
})

async function connect(): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/v1/realtime`)
  sockets.push(socket)
  await once(socket, 'open')
  return socket
}

async function identified(id: string): Promise<WebSocket> {
  const socket = await connect()
  socket.send(JSON.stringify({ type: 'auth', token: id }))
  return socket
}

/** When there is no room: what it is told; null when there is. */
async function refused(): Promise<{ status: number; retryAfter: number } | null> {
  const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/v1/realtime`)
  socket.on('error', () => undefined)
  return new Promise(done => {
    socket.once('open', () => {
      socket.terminate()
      done(null)
    })
    socket.once('unexpected-response', (_, response) => {
      response.resume()
      done({ status: response.statusCode ?? 0, retryAfter: Number(response.headers['retry-after']) })
    })
  })
}

it('sends away who comes while enough wait for their turn, and lets in again once they had it', async () => {
  const first = await identified('a')
  const ready = once(first, 'message')
  await identified('b')
  await until('both to wait', async () => (await refused())?.status === 503)
  const told = await refused()
  expect(told?.retryAfter).toBeGreaterThanOrEqual(1)
  expect(told?.retryAfter).toBeLessThanOrEqual(11)

  letIn()
  expect(JSON.parse(String((await ready)[0]))).toMatchObject({ type: 'ready' })
  await until('nobody to wait', () => live.stats().entering === 0)
  const third = await identified('c')
  expect(JSON.parse(String((await once(third, 'message'))[0]))).toMatchObject({ type: 'ready' })
})

it('who has not said who they are takes none of the places of those who wait', async () => {
  for (let n = 0; n < 3; n++) await connect()
  letIn()
  const known = await identified('a')
  expect(JSON.parse(String((await once(known, 'message'))[0]))).toMatchObject({ type: 'ready' })
})

it('a place is free again when who waits hangs up', async () => {
  const waiting = await identified('a')
  await identified('b')
  await until('both to wait', async () => (await refused())?.status === 503)
  waiting.terminate()
  await until('one to be gone', () => live.stats().sockets === 1)
  await identified('c')
  await until('both places to be taken', () => live.stats().entering === 2)
})
