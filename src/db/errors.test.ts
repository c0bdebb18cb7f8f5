import { createServer, type TLSSocket } from 'node:tls'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createAuthority } from '../../simulators/authority.ts'
import { Problem } from '../lib/problems.ts'
import { isAway, translate } from './errors.ts'

// A server that speaks the beginning of PostgreSQL's protocol, with a certificate that nobody trusts.
let port: number
let close: () => Promise<unknown>
beforeAll(async () => {
  const { createServer: listen } = await import('node:net')
  const { key, cert } = await (await createAuthority()).issue()
  const tls = createServer({ key, cert })
  tls.on('tlsClientError', () => undefined)
  const server = listen(socket => {
    socket.on('error', () => undefined)
    socket.once('data', () => {
      socket.write('S')
      tls.emit('connection', socket as unknown as TLSSocket)
    })
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  port = (server.address() as { port: number }).port
  close = () => new Promise(done => server.close(done))
})
afterAll(() => close())

it('a database that cannot prove who it is counts as away: who asks is told when to come back', async () => {
  const { caPem } = await createAuthority()
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'u', database: 'd', ssl: { ca: caPem } })
  const error = await client.connect().then(
    () => undefined,
    (told: Error & { code?: string }) => told,
  )
  expect(error?.code).toMatch(/^(UNABLE_TO_VERIFY|SELF_SIGNED|DEPTH_ZERO|CERT_)/)
  expect(isAway(error)).toBe(true)
  expect(translate(error)).toMatchObject({ retryAfter: 2 })
  expect(translate(error)).toBeInstanceOf(Problem)
})

it('a fault of ours does not', () => {
  const error = Object.assign(new Error('no such function'), { code: 'ERR_INVALID_ARG_TYPE' })
  expect(isAway(error)).toBe(false)
  expect(translate(error)).toBe(error)
})
