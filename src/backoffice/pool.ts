import { readFileSync } from 'node:fs'
import { connect as connectSocket, type Socket } from 'node:net'
import sql from 'mssql'
import type { Limits, SqlServerAddress } from './types.ts'

export type Row = Readonly<Record<string, unknown>>

/** A statement with its typed parameters; values never stand in the text. */
export interface Statement {
  text: string
  parameters: Readonly<Record<string, { type: sql.ISqlType; value: string | number | Date }>>
}

export interface Pool {
  /** The rows of the first result. Gives up when the signal says so, and the connection is whole again or gone. */
  run(statement: Statement, signal: AbortSignal): Promise<Row[]>
  close(): Promise<void>
}

const PRELOGIN_ENCRYPTION = 1
const ENCRYPTED = [1, 3]

/** A pool of few connections to one SQL Server. They are opened when they are first needed. */
export function createPool(address: SqlServerAddress, limits: Limits): Pool {
  const pool = new sql.ConnectionPool(poolConfig(address, limits))
  // each caller is told of its own failure; without a listener the process would end
  pool.on('error', () => undefined)
  let ready: Promise<void> | null = null

  async function open(): Promise<void> {
    await pool.connect()
    // the library tries its configuration on a connection of its own first: one round trip on the next tells that this
    // one is gone, so that there are never more than the limit
    await pool.request().query('select 1')
  }

  function opened(): Promise<void> {
    ready ??= open().catch(error => {
      ready = null
      throw error
    })
    return ready
  }

  return {
    run: async ({ text, parameters }, signal) => {
      await opened()
      signal.throwIfAborted()
      const request = pool.request()
      for (const [name, { type, value }] of Object.entries(parameters)) request.input(name, type, value)
      const cancel = () => request.cancel()
      signal.addEventListener('abort', cancel, { once: true })
      try {
        const { recordset } = await request.query<Row>(text)
        return recordset
      } finally {
        signal.removeEventListener('abort', cancel)
      }
    },
    close: async () => {
      // a pool that is connecting cannot be closed; why it failed was told to those who asked
      await ready?.catch(() => undefined)
      await pool.close()
    },
  }
}

function poolConfig(address: SqlServerAddress, limits: Limits): sql.config {
  const { host, port, user, password, database, encrypt = true, caFile } = address
  // TLS has names, not addresses: this machine's is known
  const serverName = address.serverName ?? (isLoopback(host) ? 'localhost' : host)
  return {
    server: host,
    port,
    user,
    password,
    database,
    connectionTimeout: limits.connectMs,
    requestTimeout: limits.requestMs,
    validateConnection: 'socket',
    pool: {
      max: limits.connections,
      min: 0,
      acquireTimeoutMillis: limits.callMs,
      createTimeoutMillis: limits.connectMs * 2,
      destroyTimeoutMillis: limits.connectMs,
      idleTimeoutMillis: 60_000,
    },
    options: {
      encrypt,
      trustServerCertificate: false,
      cancelTimeout: limits.cancelMs,
      useUTC: true,
      appName: 'SamaConso',
      // retries are ours, at one level only
      maxRetriesOnTransientErrors: 0,
      connector: () => openSocket(host, port, limits.connectMs, encrypt),
      serverName,
      ...(caFile ? { cryptoCredentialsDetails: { ca: readFileSync(caFile, 'utf8') } } : {}),
    },
    beforeConnect: connection => {
      // the library's own limit does not reach a server that falls silent in the middle of its login answer
      const stuck = setTimeout(() => connection.close(), limits.connectMs + 200)
      connection.once('connect', () => clearTimeout(stuck))
      connection.once('end', () => clearTimeout(stuck))
    },
  }
}

const isLoopback = (host: string): boolean => /^127\.|^::1$/.test(host)

function openSocket(host: string, port: number, limitMs: number, encrypt: boolean): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket({ host, port })
    const tooLate = setTimeout(() => socket.destroy(new Error(`no connection within ${limitMs} ms`)), limitMs)
    socket.once('error', reject)
    socket.once('connect', () => {
      clearTimeout(tooLate)
      socket.off('error', reject)
      if (encrypt) refuseCleartext(socket)
      resolve(socket)
    })
    socket.once('close', () => clearTimeout(tooLate))
  })
}

/**
 * Ends a connection whose server answers our demand for encryption by declining. The library would go on and send the
 * password in clear, so that whoever stands in between could have it by changing one byte.
 */
function refuseCleartext(socket: Socket): void {
  let answer: Buffer = Buffer.alloc(0)
  const onData = (chunk: Buffer) => {
    answer = Buffer.concat([answer, chunk])
    if (answer.length < 8 || answer.length < answer.readUInt16BE(2)) return
    socket.off('data', onData)
    if (!ENCRYPTED.includes(encryptionOf(answer.subarray(8)) ?? 0)) {
      socket.destroy(new Error('the server offers no encryption'))
    }
  }
  // the first listener: it decides before the library reads
  socket.on('data', onData)
}

/** The encryption byte of a prelogin answer (MS-TDS 2.2.6.5). */
function encryptionOf(payload: Buffer): number | undefined {
  for (let at = 0; at + 5 <= payload.length && payload[at] !== 0xff; at += 5) {
    if (payload[at] === PRELOGIN_ENCRYPTION) return payload[payload.readUInt16BE(at + 1)]
  }
  return undefined
}
