// Nothing but node:http2: the same bytes to the same simulator, over as many sessions and streams as the product uses.
import { readFileSync } from 'node:fs'
import { type ClientHttp2Session, connect } from 'node:http2'
import { readFcmAccount } from '../../src/channels/fcm-account.ts'
import { fcmPayload } from '../../src/channels/fcm-payload.ts'
import { openTokenSource } from '../../src/channels/fcm-token.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { newId } from '../../src/lib/id.ts'
import { answerParent } from '../lib/child.ts'

export interface Sends {
  perSecond: number
}

interface Data {
  serviceAccountFile: string
  caFile: string
  count: number
  sessions: number
  streams: number
}

answerParent<Data, Sends>(async ({ serviceAccountFile, caFile, count, sessions, streams }) => {
  const account = readFcmAccount(serviceAccountFile)
  const ca = readFileSync(caFile, 'utf8')
  const tokens = openTokenSource({
    account,
    ca,
    timeoutMs: 5_000,
    clock: systemClock,
    onTrouble: () => undefined,
  })
  const { origin } = new URL(account.tokenUri)
  const open = await Promise.all(Array.from({ length: sessions }, () => openSession(origin, ca)))
  const headers = {
    ':method': 'POST',
    ':path': `/v1/projects/${account.projectId}/messages:send`,
    'content-type': 'application/json; charset=utf-8',
    authorization: await tokens.obtain(),
  }
  const notificationId = newId()
  const startedAt = performance.now()
  let next = 0

  const send = (session: ClientHttp2Session, body: Buffer) =>
    new Promise<void>((done, fail) => {
      const stream = session.request(headers, { endStream: false })
      stream.on('response', ({ ':status': status }) => {
        if (status !== 200) fail(new Error(`the simulator answered ${status}`))
      })
      stream.on('error', fail)
      stream.on('close', done)
      stream.end(body)
      stream.resume()
    })
  const line = async (session: ClientHttp2Session) => {
    while (next < count) {
      const message = {
        token: `sim-bare-${next++}`,
        notificationId,
        type: 'announcement',
        title: 'Coupure prévue demain',
        body: 'Des travaux auront lieu de 9 h à 12 h.',
        priority: 'normal' as const,
        expiresAt: Date.now() + 86_400_000,
      }
      await send(session, fcmPayload(message, Date.now()))
    }
  }
  await Promise.all(open.flatMap(session => Array.from({ length: streams }, () => line(session))))
  const perSecond = (count / (performance.now() - startedAt)) * 1_000
  for (const session of open) session.close()
  await tokens.close()
  return { ready: { perSecond } }
})

function openSession(origin: string, ca: string): Promise<ClientHttp2Session> {
  return new Promise((done, fail) => {
    const session = connect(origin, { ca, settings: { enablePush: false } })
    session.once('error', fail)
    session.once('remoteSettings', () => done(session))
  })
}
