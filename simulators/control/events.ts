import type { ServerResponse } from 'node:http'

/** What the page of phones hears live, as server-sent events. */
export interface EventHub {
  /** Keeps the response open and sends it what happens, pushes of these device tokens among it. False when there are too many listeners. */
  join(response: ServerResponse, tokens: ReadonlySet<string>): boolean
  publish(event: string, data: unknown): void
  /** A push: sent to those who listen to its device; now and then a sample of the others, by `seen`. */
  publishPush(token: string, data: () => unknown): void
  close(): void
}

interface Listener {
  response: ServerResponse
  tokens: ReadonlySet<string>
  /** What may still be sent in this second. */
  pushesLeft: number
  samplesLeft: number
}

const MOST_LISTENERS = 100
const PUSHES_PER_SECOND = 50
const SAMPLES_PER_SECOND = 4
/** A page that does not read this much any more misses what comes. */
const MOST_UNREAD_BYTES = 256 * 1024
const BEATS_BETWEEN_COMMENTS = 15

/** `everySecond` is asked once a second while somebody listens; what it gives is published as `state` when it changed. */
export function createEventHub(everySecond: () => unknown): EventHub {
  const listeners = new Set<Listener>()
  let timer: NodeJS.Timeout | null = null
  let lastState = ''
  let beats = 0

  function send({ response }: Listener, text: string): void {
    if (response.writableLength < MOST_UNREAD_BYTES) response.write(text)
  }

  function publishText(text: string): void {
    for (const listener of listeners) send(listener, text)
  }

  function beat(): void {
    for (const listener of listeners) {
      listener.pushesLeft = PUSHES_PER_SECOND
      listener.samplesLeft = SAMPLES_PER_SECOND
    }
    const state = JSON.stringify(everySecond())
    if (state !== lastState) publishText(textOf('state', state))
    lastState = state
    beats = (beats + 1) % BEATS_BETWEEN_COMMENTS
    if (beats === 0) publishText(': still here\n\n')
  }

  function leave(listener: Listener): void {
    listeners.delete(listener)
    if (listeners.size > 0 || timer === null) return
    clearInterval(timer)
    timer = null
  }

  return {
    join: (response, tokens) => {
      if (listeners.size >= MOST_LISTENERS) return false
      const listener = { response, tokens, pushesLeft: PUSHES_PER_SECOND, samplesLeft: SAMPLES_PER_SECOND }
      listeners.add(listener)
      response.on('close', () => leave(listener))
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
      response.write(`retry: 1000\n\n${textOf('state', JSON.stringify(everySecond()))}`)
      timer ??= setInterval(beat, 1_000).unref()
      return true
    },
    publish: (event, data) => {
      if (listeners.size > 0) publishText(textOf(event, JSON.stringify(data)))
    },
    publishPush: (token, data) => {
      for (const listener of listeners) {
        if (listener.tokens.has(token)) {
          if (listener.pushesLeft-- > 0) send(listener, textOf('push', JSON.stringify(data())))
        } else if (listener.samplesLeft-- > 0) {
          send(listener, textOf('seen', JSON.stringify({ token })))
        }
      }
    },
    close: () => {
      for (const { response } of listeners) response.end()
    },
  }
}

const textOf = (event: string, json: string): string => `event: ${event}\ndata: ${json}\n\n`
