// Nothing but node:http2: the same bytes to the same simulator, over as many sessions and streams as the product uses.
import { type ClientHttp2Session, connect } from 'node:http2'
import { dialer } from '../../src/channels/dial.ts'
import { answerParent } from '../lib/child.ts'
import { bareRequests, type Distance, type Pushes, race } from '../lib/pushes.ts'

answerParent<Pushes, object>(async data => {
  const { origin, ca, path, headers, body } = await bareRequests(data)
  const request = { ':method': 'POST', ':path': path, ...headers }
  const dial = dialer({ origin, ca, proxy: data.proxyUrl, protocols: ['h2'] })
  const sessions = await Promise.all(
    Array.from({ length: data.sessions }, async () => openSession(origin, await dial(5_000))),
  )

  const send = (line: number) =>
    new Promise<void>((done, fail) => {
      const session = sessions[line % sessions.length] as ClientHttp2Session
      const stream = session.request(request, { endStream: false })
      stream.on('response', ({ ':status': status }) => {
        if (status !== 200) fail(new Error(`the simulator answered ${status}`))
      })
      stream.on('error', fail)
      stream.on('close', done)
      stream.end(body())
      stream.resume()
    })
  return {
    ready: {},
    answer: (distance: Distance) => race(distance, sessions.length * data.streams, send),
    stop: async () => {
      for (const session of sessions) session.destroy()
    },
  }
})

function openSession(
  origin: string,
  socket: Awaited<ReturnType<ReturnType<typeof dialer>>>,
): Promise<ClientHttp2Session> {
  return new Promise((done, fail) => {
    const session = connect(origin, { createConnection: () => socket, settings: { enablePush: false } })
    session.once('error', fail)
    session.once('remoteSettings', () => done(session))
  })
}
