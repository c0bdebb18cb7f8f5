import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createSecureContext } from 'node:tls'
import { type Host, serveClient } from './session.ts'
import type { Behaviour, TdsServer, TdsServerOptions } from './types.ts'

const WELL: Behaviour = { mode: 'ok' }
const LOOK_EVERY_MS = 50

/** A SQL Server as a client sees it: TDS 7.4 on 127.0.0.1, its statements answered by a function. */
export async function startTdsServer(options: TdsServerOptions): Promise<TdsServer> {
  const behaviour = options.behaviour ?? (() => WELL)
  const limit = options.maxConnections ?? 200
  const open = new Set<Socket>()
  let peak = 0
  let attempts = 0
  let statements = 0

  const host: Host = {
    secureContext: options.tls
      ? createSecureContext({ ...options.tls, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' })
      : null,
    user: options.user,
    password: options.password,
    database: options.database,
    behaviour,
    onStatement: () => {
      statements++
    },
    answer: request =>
      options.answer(request) ?? {
        error: 50_000,
        message: `unknown statement: ${request.sql.trim().replace(/\s+/g, ' ').slice(0, 400)}`,
      },
  }

  const server = createServer(socket => {
    attempts++
    if (behaviour().mode === 'down' || open.size >= limit) {
      socket.on('error', () => socket.destroy())
      socket.resetAndDestroy()
      return
    }
    open.add(socket)
    peak = Math.max(peak, open.size)
    socket.on('close', () => open.delete(socket))
    serveClient(socket, host)
  })
  server.listen(options.port ?? 0, '127.0.0.1')
  await new Promise<void>((resolve, reject) => {
    server.once('listening', resolve)
    server.once('error', reject)
  })

  const watch = setInterval(() => {
    if (behaviour().mode === 'down') for (const socket of open) socket.resetAndDestroy()
  }, LOOK_EVERY_MS)
  watch.unref()

  return {
    port: (server.address() as AddressInfo).port,
    connections: () => open.size,
    peakConnections: () => peak,
    attempts: () => attempts,
    statements: () => statements,
    close: () => {
      clearInterval(watch)
      for (const socket of open) socket.destroy()
      return new Promise(resolve => server.close(() => resolve()))
    },
  }
}
