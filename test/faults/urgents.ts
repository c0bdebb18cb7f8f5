import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../harness.ts'
import type { Lab } from './lab.ts'

/** A single urgent notification, from the API's word to the phone. Times in ms. */
export interface Urgent {
  id: string
  token: string
  /** When the request left that the API answered with 202. */
  acceptedAt: number
  /** When FCM first had it; null when it never did. */
  receivedAt: number | null
}

export interface Urgents {
  /** Ends sending, and waits until the phones have all, at most `ms`. */
  stop(ms: number): Promise<Urgent[]>
}

const EVERY_MS = 140
/** A listener of FCM is told of fifty pushes a second at most. */
const LISTENERS = 12

/**
 * Sends urgent notifications, about seven a second, to customers in turn, until it is stopped. What the API has not
 * accepted is sent again under its key, so each counts once.
 */
export async function startUrgents(lab: Lab, expiresInSeconds?: number): Promise<Urgents> {
  const receivedAt = new Map<string, number>()
  const leaving = new AbortController()
  const tokens = lab.people.map(person => person.token)
  const ears = await Promise.all(
    Array.from({ length: LISTENERS }, (_, ear) =>
      listen(
        lab.outside.control,
        tokens.filter((_, i) => i % LISTENERS === ear),
        (id, at) => {
          if (!receivedAt.has(id)) receivedAt.set(id, at)
        },
        leaving.signal,
      ),
    ),
  )
  const accepted: Omit<Urgent, 'receivedAt'>[] = []
  const refused: unknown[] = []
  const asking = new Set<Promise<void>>()
  let stopping = false

  async function one(turn: number): Promise<void> {
    const person = lab.people[turn % lab.people.length] as Lab['people'][number]
    const { status, body, startedAt } = await lab.client.ask({
      method: 'POST',
      path: '/v1/admin/notifications',
      token: lab.admin,
      key: randomUUID(),
      body: {
        customerId: person.id,
        priority: 'urgent',
        ...(expiresInSeconds === undefined ? {} : { expiresIn: expiresInSeconds }),
        content: { fr: { title: 'Urgent', body: 'Coupure de courant dans votre quartier.' } },
      },
    })
    if (status !== 202) throw new Error(`An urgent notification: ${status} ${JSON.stringify(body)}`)
    accepted.push({ id: body.id, token: person.token, acceptedAt: startedAt })
  }

  async function send(): Promise<void> {
    for (let turn = 0; !stopping; turn++) {
      const sending = one(turn)
        .catch(error => void refused.push(error))
        .finally(() => asking.delete(sending))
      asking.add(sending)
      await pause(EVERY_MS)
    }
    await Promise.all(asking)
  }

  const sending = send()
  return {
    async stop(ms) {
      stopping = true
      await sending
      // Whoever judges says what is missing.
      await until(
        'urgent notifications on their phones',
        () => accepted.every(({ id }) => receivedAt.has(id)),
        ms,
      ).catch(() => undefined)
      leaving.abort()
      await Promise.all(ears.map(ear => ear.ended))
      if (refused.length > 0) throw refused[0]
      return accepted.map(urgent => ({ ...urgent, receivedAt: receivedAt.get(urgent.id) ?? null }))
    },
  }
}

/** Hears FCM's receipts for these tokens live, with its own time; resolves once it listens. */
async function listen(
  control: string,
  tokens: readonly string[],
  onPush: (id: string, at: number) => void,
  signal: AbortSignal,
): Promise<{ ended: Promise<void> }> {
  const query = new URLSearchParams(tokens.map((token): [string, string] => ['token', token]))
  const { body } = await fetch(`${control}/events?${query}`, { signal })
  if (!body) throw new Error('FCM tells nothing.')
  async function read(stream: ReadableStream<Uint8Array>): Promise<void> {
    let text = ''
    const decoder = new TextDecoder()
    for await (const chunk of stream) {
      text += decoder.decode(chunk, { stream: true })
      const events = text.split('\n\n')
      text = events.pop() ?? ''
      for (const event of events) {
        const data = /^event: push\ndata: (.*)$/s.exec(event)?.[1]
        if (!data) continue
        const push = JSON.parse(data) as { at: string; notificationId: string }
        onPush(push.notificationId, Date.parse(push.at))
      }
    }
  }
  const ended = read(body).catch(error => {
    if (!signal.aborted) throw error
  })
  return { ended }
}
