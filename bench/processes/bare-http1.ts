// Nothing but undici: the same bytes to the same simulator, over as many HTTP/1.1 connections as the product uses.
import { Pool } from 'undici'
import { dialer } from '../../src/channels/dial.ts'
import { answerParent } from '../lib/child.ts'
import { bareRequests, type Distance, type Pushes, race } from '../lib/pushes.ts'

answerParent<Pushes, object>(async data => {
  const { origin, ca, path, headers, body } = await bareRequests(data)
  const dial = dialer({ origin, ca, proxy: data.proxyUrl, protocols: ['http/1.1'] })
  const connections = data.streams
  const pool = new Pool(origin, {
    connections,
    pipelining: 1,
    connect: (_options, done) => {
      dial(5_000).then(
        socket => done(null, socket),
        (error: Error) => done(error, null),
      )
    },
  })

  async function send(): Promise<void> {
    const answer = await pool.request({ method: 'POST', path, headers, body: body() })
    await answer.body.dump()
    if (answer.statusCode !== 200) throw new Error(`the simulator answered ${answer.statusCode}`)
  }
  return {
    ready: {},
    answer: (distance: Distance) => race(distance, connections, send),
    stop: () => pool.destroy(),
  }
})
