// The product's own sender to FCM, alone in a process.
import { openFcm } from '../../src/channels/index.ts'
import { answerParent } from '../lib/child.ts'
import { type Distance, messages, type Pushes, race } from '../lib/pushes.ts'

answerParent<Pushes & { baseUrl: string }, object>(async ({ streams, ...options }) => {
  const channel = openFcm(options)
  const next = messages()
  const signal = new AbortController().signal

  async function send(): Promise<void> {
    const result = await channel.send(next(), signal)
    if (result.outcome !== 'sent') throw new Error(JSON.stringify(result))
  }
  return {
    ready: {},
    answer: (distance: Distance) => race(distance, options.sessions * streams, send),
    stop: () => channel.close(),
  }
})
