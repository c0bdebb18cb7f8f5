import { readFileSync } from 'node:fs'
import { Agent } from 'undici'
import { whenAborted } from './aborts.ts'
import { sendOneSms, smsOutcome } from './sms-soap.ts'
import type { ChannelLog, SmsChannel, SmsOutcome } from './types.ts'

export interface SmsOptions {
  /** Address of the gateway's SOAP service. */
  url: string
  /** PEM of the authorities to trust, instead of the public ones. */
  caFile?: string
  /** For one SMS, all waiting included. */
  timeoutMs?: number
  log?: ChannelLog
}

const CONNECTIONS = 8
const MOST_WAITING = 1_000
const LARGEST_ANSWER = 64 * 1024
const DOWN_AFTER = 3

/**
 * The sender to the company's SMS gateway. Every SMS has a connection of its own: on a kept one that the gateway is
 * just closing, one could not tell whether it went out. Throws when the authorities' file cannot be read.
 */
export function openSms({ url, caFile, timeoutMs = 10_000, log }: SmsOptions): SmsChannel {
  const { origin, pathname, search } = new URL(url)
  const agent = new Agent({
    connections: CONNECTIONS,
    pipelining: 0,
    maxResponseSize: LARGEST_ANSWER,
    connect: {
      timeout: timeoutMs,
      ...(caFile !== undefined && { ca: readFileSync(caFile, 'utf8') }),
    },
  })
  let underWay = 0
  let failuresInARow = 0
  let closing: Promise<void> | null = null

  function note(outcome: SmsOutcome): SmsOutcome {
    const answered = outcome.outcome === 'sent' || outcome.outcome === 'refused'
    failuresInARow = answered ? 0 : failuresInARow + 1
    if (outcome.outcome !== 'sent') log?.warn({ event: 'sms_not_sent', ...outcome })
    return outcome
  }

  return {
    send: async ({ phone, text }, signal) => {
      signal?.throwIfAborted()
      if (underWay >= MOST_WAITING) return { outcome: 'retry', reason: 'too many waiting' }
      underWay += 1
      try {
        const body = sendOneSms(phone, text)
        return note(await exchange(agent, { origin, path: pathname + search, body }, timeoutMs, signal))
      } finally {
        underWay -= 1
      }
    },
    state: () => (failuresInARow >= DOWN_AFTER ? 'down' : 'ok'),
    close: () => {
      closing ??= agent.close()
      return closing
    },
  }
}

/** One call. Until undici starts to write it, nothing went out; from then on only an answer can tell. */
function exchange(
  agent: Agent,
  request: { origin: string; path: string; body: string },
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<SmsOutcome> {
  return new Promise((resolve, reject) => {
    let begun: { abort(reason: Error): void } | null = null
    let over = false
    let status = 0
    const chunks: Buffer[] = []

    const timer = setTimeout(() => fail('timeout'), timeoutMs)
    const stopListening = whenAborted(signal, () => {
      if (end()) reject(signal?.reason)
    })

    function end(): boolean {
      if (over) return false
      over = true
      clearTimeout(timer)
      stopListening()
      begun?.abort(new Error('no longer awaited'))
      return true
    }
    function fail(reason: string): void {
      const outcome = begun ? 'ambiguous' : 'retry'
      if (end()) resolve({ outcome, reason })
    }

    agent.dispatch(
      {
        ...request,
        method: 'POST',
        headers: { 'content-type': 'text/xml; charset=utf-8', soapaction: '"sendOneSMS"' },
      },
      {
        onRequestStart: controller => {
          if (over) controller.abort(new Error('no longer awaited'))
          else begun = controller
        },
        onResponseStart: (_, statusCode) => {
          status = statusCode
        },
        onResponseData: (_, chunk) => {
          chunks.push(chunk)
        },
        onResponseEnd: () => {
          begun = null
          if (end()) resolve(smsOutcome(status, Buffer.concat(chunks).toString()))
        },
        onResponseError: (_, error: NodeJS.ErrnoException) => fail(error.code ?? error.message),
      },
    )
  })
}
