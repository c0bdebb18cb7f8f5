import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import sql from 'mssql'
import { afterEach, expect, test, vi } from 'vitest'
import { createAuthority } from '../authority.ts'
import { startTdsServer } from './server.ts'
import {
  BIGINT,
  BIT,
  DATE,
  DATETIME,
  datetime2,
  decimal,
  FLOAT,
  INT,
  nvarchar,
  varchar,
} from './sql-types.ts'
import type { Behaviour, SqlRequest, TdsServer, TdsServerOptions } from './types.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const LOGIN = { user: 'lecteur', password: 'mot de passe é€', database: 'SIC' }

async function start(options: Partial<TdsServerOptions>): Promise<TdsServer> {
  const server = await startTdsServer({ tls: null, ...LOGIN, answer: () => null, ...options })
  closing.push(server.close)
  return server
}

async function open(server: TdsServer, config: Partial<sql.config> = {}): Promise<sql.ConnectionPool> {
  const pool = new sql.ConnectionPool({
    server: '127.0.0.1',
    port: server.port,
    ...LOGIN,
    ...config,
    options: { encrypt: false, serverName: 'localhost', ...config.options },
  })
  pool.on('error', () => undefined)
  await pool.connect()
  closing.push(() => pool.close())
  return pool
}

test('every type of column and of parameter arrives as it was sent, nulls too', async () => {
  const at = new Date('2026-03-07T10:11:12.340Z')
  const asked: SqlRequest[] = []
  const columns = [
    { name: 'i', type: INT },
    { name: 'b', type: BIGINT },
    { name: 'on', type: BIT },
    { name: 'f', type: FLOAT },
    { name: 'd9', type: decimal(9, 2) },
    { name: 'd18', type: decimal(18, 4) },
    { name: 'v', type: varchar(20) },
    { name: 'N° é', type: nvarchar(20) },
    { name: 'dt', type: DATETIME },
    { name: 'dt2', type: datetime2(7) },
    { name: 'day', type: DATE },
  ]
  const row = [-7, 9_007_199_254_740_993n, true, 1.5, -12.34, 123_456_789.1234, 'été', 'Ŋ 🎉', at, at, at]
  const server = await start({
    answer: request => {
      asked.push(request)
      return { columns, rows: [row, columns.map(() => null)] }
    },
  })
  const pool = await open(server)
  const { recordset } = await pool
    .request()
    .input('i', sql.Int(), -7)
    .input('b', sql.BigInt(), '9007199254740993')
    .input('on', sql.Bit(), true)
    .input('f', sql.Float(), 1.5)
    .input('d', sql.Decimal(18, 4), -12.3456)
    .input('v', sql.VarChar(20), 'été')
    .input('n', sql.NVarChar(20), 'Ŋ 🎉')
    .input('long', sql.NVarChar(sql.MAX), 'x'.repeat(9000))
    .input('dt', sql.DateTime(), at)
    .input('dt2', sql.DateTime2(3), at)
    .input('day', sql.Date(), at)
    .input('none', sql.VarChar(20), null)
    .query(`select something where x = '${'é'.repeat(5000)}'`)
  expect(asked[0]?.sql).toHaveLength(5029)
  expect(asked[0]?.params).toEqual({
    i: -7,
    b: 9_007_199_254_740_993n,
    on: true,
    f: 1.5,
    d: -12.3456,
    v: 'été',
    n: 'Ŋ 🎉',
    long: 'x'.repeat(9000),
    dt: at,
    dt2: at,
    day: new Date('2026-03-07'),
    none: null,
  })
  expect(recordset[0]).toEqual({
    i: -7,
    b: '9007199254740993',
    on: true,
    f: 1.5,
    d9: -12.34,
    d18: 123_456_789.1234,
    v: 'été',
    'N° é': 'Ŋ 🎉',
    dt: at,
    dt2: at,
    day: new Date('2026-03-07'),
  })
  expect(Object.values(recordset[1])).toEqual(columns.map(() => null))
})

test('batches, USE and the check that a pool makes of a connection are answered, and are no statements', async () => {
  const server = await start({
    answer: ({ database }) => ({ columns: [{ name: 'x', type: nvarchar(9) }], rows: [[database]] }),
  })
  const pool = await open(server, { pool: { max: 1 } })
  await pool.request().batch('select 1')
  await pool.request().batch('use Postpaid')
  expect(server.statements()).toBe(0)
  expect((await pool.request().batch('select x')).recordset).toEqual([{ x: 'Postpaid' }])
  expect(server.statements()).toBe(1)
})

test('an unknown statement is named in the error, an unknown procedure too', async () => {
  const server = await start({})
  const pool = await open(server)
  await expect(pool.request().query('delete from\n Historique')).rejects.toThrow(
    'unknown statement: delete from Historique',
  )
  await expect(pool.request().execute('sp_who')).rejects.toMatchObject({ number: 2812 })
})

test('a wrong password is refused, and so is another database', async () => {
  const server = await start({})
  await expect(open(server, { password: 'autre' })).rejects.toMatchObject({ code: 'ELOGIN' })
  await expect(open(server, { database: 'RH', options: { maxRetriesOnTransientErrors: 0 } })).rejects.toThrow(
    'Cannot open database',
  )
})

test('large answers travel in TLS, for a client that trusts the authority', async () => {
  const authority = await createAuthority()
  const rows = Array.from({ length: 2000 }, (_, i) => [i, 'x'.repeat(300)])
  const columns = [
    { name: 'i', type: INT },
    { name: 't', type: varchar(300) },
  ]
  const server = await start({ tls: await authority.issue(), answer: () => ({ columns, rows }) })
  const pool = await open(server, {
    options: { encrypt: true, cryptoCredentialsDetails: { ca: authority.caPem } },
  })
  expect((await pool.request().query('select all')).recordset).toHaveLength(2000)
})

test('a server with a certificate does not talk in clear', async () => {
  const authority = await createAuthority()
  const server = await start({ tls: await authority.issue() })
  await expect(open(server)).rejects.toMatchObject({ code: 'EENCRYPT' })
})

test('a request that is cancelled leaves its connection usable', async () => {
  let behaviour: Behaviour = { mode: 'ok' }
  const columns = [{ name: 'i', type: INT }]
  const server = await start({ behaviour: () => behaviour, answer: () => ({ columns, rows: [[1], [2]] }) })
  const pool = await open(server, { pool: { max: 1 }, requestTimeout: 100, validateConnection: 'socket' })
  behaviour = { mode: 'slow' }
  await expect(pool.request().query('select i')).rejects.toMatchObject({ code: 'ETIMEOUT' })
  behaviour = { mode: 'stall-mid-rows' }
  const stalled = pool.request()
  const outcome = stalled.query('select i').catch(error => error)
  await vi.waitUntil(() => server.statements() === 1, 5000)
  stalled.cancel()
  await expect(outcome).resolves.toMatchObject({ code: 'ECANCEL' })
  behaviour = { mode: 'ok' }
  expect((await pool.request().query('select i')).recordset).toHaveLength(2)
  expect(server.connections()).toBe(1)
  expect(server.attempts()).toBe(2)
})

test('an error in the middle of the rows is an error of that statement alone', async () => {
  let behaviour: Behaviour = { mode: 'error-mid-rows' }
  const columns = [{ name: 'i', type: INT }]
  const server = await start({
    behaviour: () => behaviour,
    answer: () => ({ columns, rows: [[1], [2], [3]] }),
  })
  const pool = await open(server, { validateConnection: 'socket' })
  await expect(pool.request().query('select i')).rejects.toMatchObject({ number: 824 })
  behaviour = { mode: 'ok' }
  expect((await pool.request().query('select i')).recordset).toHaveLength(3)
})

test('what the simulator cannot write becomes an error, not a broken connection', async () => {
  const server = await start({ answer: () => ({ columns: [{ name: 'i', type: INT }], rows: [['seven']] }) })
  const pool = await open(server)
  await expect(pool.request().query('select i')).rejects.toThrow('not a number: seven')
  await expect(pool.request().query('select i')).rejects.toThrow('not a number: seven')
  expect(server.attempts()).toBe(2)
})

test('a server that is down drops present connections and turns new ones away, until it is up again', async () => {
  let behaviour: Behaviour = { mode: 'ok' }
  const server = await start({ behaviour: () => behaviour })
  await open(server, { pool: { max: 1, min: 1 } })
  behaviour = { mode: 'down' }
  await vi.waitUntil(() => server.connections() === 0, 5000)
  await expect(open(server)).rejects.toMatchObject({ code: 'ESOCKET' })
  behaviour = { mode: 'ok' }
  await open(server)
})

/** Sends bytes, and waits until the server has ended the connection or said something. */
function sendRaw(port: number, chunks: Uint8Array[]): Promise<void> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.on('close', () => resolve())
    socket.on('data', () => socket.destroy())
    for (const chunk of chunks) socket.write(chunk)
    socket.end()
  })
}

test('random bytes, wrong lengths and endless messages end their own connection and nothing else', async () => {
  const columns = [{ name: 'i', type: INT }]
  const authority = await createAuthority()
  const server = await start({
    tls: await authority.issue(),
    answer: () => ({ columns, rows: [[1]] }),
    maxConnections: 1000,
  })
  const config = { options: { encrypt: true, cryptoCredentialsDetails: { ca: authority.caPem } } }
  const pool = await open(server, config)
  const packet = (type: number, payload: Uint8Array, status = 1) => {
    const header = Buffer.from([type, status, 0, 0, 0, 0, 1, 0])
    header.writeUInt16BE(payload.length + 8, 2)
    return Buffer.concat([header, payload])
  }
  const prelogin = packet(0x12, Buffer.from([1, 0, 6, 0, 1, 0xff, 1]))
  const attacks: Uint8Array[][] = [
    [Buffer.alloc(0)],
    [packet(0x10, randomBytes(200))],
    [packet(0x12, Buffer.from([1, 0xff, 0xff, 0, 1, 0xff]))],
    [prelogin, Buffer.from([0x16, 3, 1, 0xff, 0xff]), randomBytes(20_000)],
    [prelogin, ...Array.from({ length: 30 }, () => packet(0x12, randomBytes(4000), 0))],
    Array.from({ length: 100 }, () => packet(0x12, randomBytes(4000), 0)),
    ...Array.from({ length: 100 }, (_, i) => [
      packet([0x12, 0x10, 3, 1, 6][i % 5] as number, randomBytes(i * 7)),
    ]),
    ...Array.from({ length: 100 }, (_, i) => [randomBytes(1 + i * 31)]),
  ]
  await Promise.all(attacks.map(chunks => sendRaw(server.port, chunks)))
  expect((await pool.request().query('select i')).recordset).toEqual([{ i: 1 }])
  await vi.waitUntil(() => server.connections() === 1, 3000)
})

test('random bytes in the place of a request end a signed-in connection and nothing else', async () => {
  const columns = [{ name: 'i', type: INT }]
  const server = await start({ answer: () => ({ columns, rows: [[1]] }) })
  for (let i = 0; i < 40; i++) {
    // the library's own connection, so that the garbage comes after a real login
    let signedIn: import('node:net').Socket | undefined
    const pool = await open(server, {
      pool: { max: 1 },
      beforeConnect: connection => {
        connection.on('connect', () => {
          signedIn = Reflect.get(connection, 'socket')
        })
      },
    })
    await pool.request().query('select i')
    const payload = randomBytes(20 + i * 3)
    // headers of a plausible length let the bytes reach the parsers behind
    payload.writeUInt32LE(4, 0)
    const header = Buffer.from([i % 2 ? 3 : 1, 1, 0, 0, 0, 0, 1, 0])
    header.writeUInt16BE(payload.length + 8, 2)
    if (i % 4 === 3) Buffer.from([0xff, 0xff, 10, 0, 0, 0]).copy(payload, 4)
    signedIn?.write(Buffer.concat([header, payload]))
  }
  const pool = await open(server)
  expect((await pool.request().query('select i')).recordset).toEqual([{ i: 1 }])
})
