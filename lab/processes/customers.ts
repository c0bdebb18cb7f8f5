// Customers outside, through the balancer: requests at a rate with an administrator who notifies, or open WebSockets. It runs in the
// namespace of the outside world and answers its parent over the channel between them. Each of the two has a process of its own:
// thousands of sockets that come back at once would keep requests from being sent, and the balancer would be blamed for it.
import { readFileSync } from 'node:fs'
import { openRequests, type Requests } from '../lib/requests.ts'
import { openSockets, type Sockets } from '../lib/sockets.ts'

export interface Start {
  /** Authority of the certificate that the balancer shows. */
  caFile: string
  /** Customers: an access token each, their id, and the push token of their device. */
  people: readonly { id: string; token: string; pushToken: string }[]
  admin: { login: string; password: string }
  sockets: number
  perSecond: number
}

/** What customers saw since the last question. Times in ms. */
export interface Seen {
  requests: number
  /** Good answers that came within this time, to whichever request. */
  answered: number
  /** Without an answer, or with one of trouble that names no time to come back. */
  failed: string[]
  failedCount: number
  /** Reads that were sent once more: their kept connection was closed instead of an answer. */
  again: number
  /** Told to come back later (409, 429, 502, 503 or 504 with Retry-After). */
  shed: number
  p50: number
  p99: number
  worst: number
  /** The longest time in which nothing was answered well. */
  gap: number
  sockets: { open: number; lost: number; worstAway: number }
  /** Notifications that the API accepted. */
  accepted: { id: string; pushToken: string }[]
  /** Keys that were never accepted, however often they were sent. */
  refused: number
  /** How long that was. */
  seconds: number
}

/** What one of the processes is. */
export type Part = 'requests' | 'sockets'

type Question =
  | { ask: 'start'; part: Part; start: Start }
  | { ask: 'rate'; perSecond: number }
  | { ask: 'flood'; count: number }
  | { ask: 'mark' }
  | { ask: 'seen' }

let requests: Requests | undefined
let sockets: Sockets | undefined

async function answer(question: Question): Promise<unknown> {
  if (question.ask === 'start') {
    const { caFile, sockets: wanted, ...start } = question.start
    const ca = readFileSync(caFile, 'utf8')
    if (question.part === 'requests') requests = await openRequests({ ...start, ca })
    else {
      sockets = openSockets(start.people, wanted, ca)
      await sockets.opened
    }
    return null
  }
  if (question.ask === 'rate') requests?.setRate(question.perSecond)
  if (question.ask === 'flood') await requests?.flood(question.count)
  if (question.ask === 'mark') {
    requests?.mark()
    sockets?.mark()
  }
  if (question.ask === 'seen') {
    const seen: Partial<Seen> = { ...(await requests?.seen()), ...(sockets && { sockets: sockets.seen() }) }
    return seen
  }
  return null
}

process.on('message', ({ id, question }: { id: number; question: Question }) => {
  answer(question).then(
    value => process.send?.({ id, value }),
    (error: Error) => process.send?.({ id, error: error.stack ?? error.message }),
  )
})
process.on('disconnect', () => process.exit(0))
