import { setTimeout as pause } from 'node:timers/promises'

// biome-ignore lint/suspicious/noExplicitAny: answers of the API are read freely by tests.
type Json = any

export interface Call {
  method: string
  path: string
  token?: string
  key?: string
  body?: unknown
}

export interface Answer {
  status: number
  body: Json
  /** When the request left that got this answer, ms. */
  startedAt: number
}

/** The product as a careful client sees it: several addresses, and every request repeated under its key until it is answered. */
export interface Client {
  /** One request to one address; rejects when no answer comes. */
  once(address: number, call: Call): Promise<Answer>
  /** Until an address answers, with an answer that is none of trouble (5xx, 409, 429); rejects after `ms`. */
  ask(call: Call, ms?: number): Promise<Answer>
}

const ANSWER_MS = 6_000
const PATIENCE_MS = 90_000

/** Opens a client of these base addresses, which it takes in turn. */
export function openClient(bases: readonly string[]): Client {
  let turn = 0

  async function once(address: number, { method, path, token, key, body }: Call): Promise<Answer> {
    const startedAt = Date.now()
    const response = await fetch(`${bases[address % bases.length]}${path}`, {
      method,
      headers: {
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(key ? { 'idempotency-key': key } : {}),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(ANSWER_MS),
    })
    const text = await response.text()
    return { status: response.status, body: text ? JSON.parse(text) : null, startedAt }
  }

  return {
    once,
    async ask(call, ms = PATIENCE_MS) {
      const deadline = Date.now() + ms
      for (let last = ''; ; ) {
        try {
          const answer = await once(turn++, call)
          if (![409, 429].includes(answer.status) && answer.status < 500) return answer
          last = `${answer.status} ${JSON.stringify(answer.body)}`
        } catch (error) {
          // No answer: whether it was done is not known, so the same is asked again.
          last = (error as Error).message
        }
        if (Date.now() > deadline) throw new Error(`${call.method} ${call.path} in vain: ${last}`)
        await pause(100)
      }
    },
  }
}
