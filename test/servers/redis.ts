import { mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { freePort } from '../../src/roles/embedded/ports.ts'
import { type RunningServer, startServer } from './process.ts'

const USER = 'samaconso'
const PASSWORD = 'redis-of-the-tests'

export interface RedisOptions {
  /** Where its configuration, data and log are. The same folder again is the same data, another one is empty. */
  folder: string
  /** A free one by default. */
  port?: number
  /** Serves TLS instead, with this certificate and key (files). */
  tls?: { certFile: string; keyFile: string }
  /** Above it, what was used least goes. */
  maxMemory?: string
}

/**
 * Debian's Redis on 127.0.0.1, persistent. The application's user may do what the application needs; who does not sign
 * in may only ask whether it lives.
 */
export async function startRedis({
  folder,
  port: wantedPort,
  tls,
  maxMemory = '64mb',
}: RedisOptions): Promise<RunningServer & { url: string }> {
  mkdirSync(folder, { recursive: true })
  const port = wantedPort ?? (await freePort())
  const file = join(folder, 'redis.conf')
  const listening = tls
    ? [
        'port 0',
        `tls-port ${port}`,
        `tls-cert-file ${tls.certFile}`,
        `tls-key-file ${tls.keyFile}`,
        'tls-auth-clients no',
      ]
    : [`port ${port}`]
  writeFileSync(
    file,
    [
      'bind 127.0.0.1',
      ...listening,
      `dir ${folder}`,
      'appendonly yes',
      'save ""',
      `maxmemory ${maxMemory}`,
      'maxmemory-policy volatile-lru',
      'user default on nopass resetkeys resetchannels -@all +ping',
      `user ${USER} on >${PASSWORD} ~sc:* &sc:* +@all -@dangerous -@admin +info`,
      '',
    ].join('\n'),
    { mode: 0o600 },
  )
  const server = await startServer({
    name: 'Redis',
    command: ['/usr/bin/redis-server', file],
    port,
    logFile: join(folder, 'redis.log'),
    ...(tls ? {} : { ready: () => pong(port) }),
  })
  return { ...server, url: `${tls ? 'rediss' : 'redis'}://${USER}:${PASSWORD}@127.0.0.1:${port}` }
}

/** Resolves when it answers; while it reads its data it does not. */
const pong = (port: number): Promise<void> =>
  new Promise((done, fail) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write('PING\r\n'))
    socket.setTimeout(2_000, () => socket.destroy(new Error('Redis does not answer')))
    socket.once('error', fail)
    socket.once('data', data => {
      socket.destroy()
      if (data.toString().startsWith('+PONG')) done()
      else fail(new Error(data.toString()))
    })
  })
