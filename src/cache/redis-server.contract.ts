import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import type { RunningServer } from '../../test/servers/process.ts'
import { startRedis } from '../../test/servers/redis.ts'
import { openRedis, type RedisLink, type RedisSettings } from './redis.ts'

export interface RedisForTests {
  server: RunningServer & { url: string }
  url: string
  /** A connected link to TEST_REDIS_URL when that is given, which nobody kills: for the contracts. */
  shared(): Promise<RedisLink>
  /** A connected link to the server of this file. */
  link(settings?: Partial<RedisSettings>): Promise<RedisLink>
  /** Kills the server with SIGKILL and starts it on the same port, with its data or without. */
  kill(): Promise<void>
  startAgain(data: 'with its data' | 'empty'): Promise<void>
  isRunning(): boolean
  /** Application connections that are open now. */
  connections(): Promise<number>
  /** Fails when a link left a connection open, and leaves nothing. */
  stop(): Promise<void>
}

/** A Redis for one test file. */
export async function redisForTests(): Promise<RedisForTests> {
  const root = await mkdtemp(join(tmpdir(), 'samaconso-redis-'))
  let folder = join(root, randomUUID())
  let server = await startRedis({ folder })
  let isRunning = true
  const { url, port } = server

  async function connections(): Promise<number> {
    const client = new Redis(url)
    try {
      const clients = /^connected_clients:(\d+)/m.exec(await client.info('clients'))?.[1]
      return Number(clients) - 1
    } finally {
      client.disconnect()
    }
  }

  return {
    get server() {
      return server
    },
    url,
    async shared() {
      const link = openRedis({ url: process.env.TEST_REDIS_URL || url })
      await until(async () => link.isUp())
      return link
    },
    async link(settings = {}) {
      const link = openRedis({ url, ...settings })
      await until(async () => link.isUp())
      return link
    },
    async kill() {
      server.signal('SIGKILL')
      await server.exited
      isRunning = false
    },
    async startAgain(data) {
      if (data === 'empty') folder = join(root, randomUUID())
      server = await startRedis({ folder, port })
      isRunning = true
    },
    isRunning: () => isRunning,
    connections,
    async stop() {
      let left = 0
      await until(async () => {
        left = await connections()
        return left === 0
      })
      await server.stop()
      await rm(root, { recursive: true, force: true })
      if (left > 0) throw new Error(`${left} connections to Redis left open`)
    },
  }
}

/** Waits until something is true, 5 s at most. */
async function until(isTrue: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    if (await isTrue()) return
    await new Promise(done => setTimeout(done, 50))
  }
}
