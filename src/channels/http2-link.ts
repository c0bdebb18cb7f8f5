import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { LARGEST_ANSWER, type Link, type LinkEvents, type LinkOptions, reasonOf } from './link.ts'
import { ACCEPTED, type Exchange, type Task } from './task.ts'

/** An HTTP/2 connection on a socket whose far end chose `h2`. */
export class Http2Link implements Link {
  readonly multiplexes = true
  opened = false
  private readonly session: ClientHttp2Session
  private readonly options: LinkOptions
  private readonly events: LinkEvents
  private headers: OutgoingHttpHeaders = {}
  private started = 0
  private answered = 0
  private limit = 0
  private inFlight = 0
  private left = false
  private lastProcessed = Number.POSITIVE_INFINITY
  private pinging = false
  private reason = 'connection closed'

  constructor(socket: TLSSocket, options: LinkOptions, events: LinkEvents) {
    this.options = options
    this.events = events
    this.session = connect(options.origin, {
      settings: { enablePush: false },
      createConnection: () => socket,
    })
    const giveUp = setTimeout(() => this.destroy('connect timeout'), options.connectTimeoutMs)
    // The peer's first frame must be its settings (RFC 9113, 3.4): until it came, nobody speaks HTTP/2 there.
    this.session.on('remoteSettings', settings => {
      clearTimeout(giveUp)
      this.limit = Math.min(options.mostStreams, settings.maxConcurrentStreams ?? options.mostStreams)
      if (this.opened) this.events.room()
      else {
        this.opened = true
        this.events.opened()
      }
    })
    this.session.on('goaway', (_code, lastStreamId) => {
      this.lastProcessed = lastStreamId
      this.leave('GOAWAY')
    })
    this.session.on('error', (error: Error) => {
      this.reason = reasonOf(error)
    })
    this.session.on('close', () => {
      clearTimeout(giveUp)
      this.leave(this.reason)
      this.events.closed()
    })
  }

  wasUseful(): boolean {
    return this.opened && (this.answered > 0 || this.started === 0)
  }

  /** None while it is suspected: what it would take now might be lost with it. */
  room(): number {
    const { session } = this
    if (!this.opened || this.left || this.pinging || session.closed || session.destroyed) return 0
    return this.limit - this.inFlight
  }

  start(task: Task): void {
    let stream: ClientHttp2Stream
    try {
      stream = this.session.request(this.headersFor(task.request.authorization), { endStream: false })
    } catch (error) {
      this.leave(reasonOf(error as Error))
      this.giveBack(task, this.reason)
      return
    }
    this.started += 1
    this.inFlight += 1
    task.sentOn = this
    task.cancel = () => stream.close(constants.NGHTTP2_CANCEL)
    // Let go of at the end: node:http2 may keep a closed stream until the next full collection, and its listeners with it.
    let asked: Task | null = task
    let reason = ''
    let answer: Exchange | undefined
    stream.on('response', headers => {
      this.answered += 1
      const status = headers[':status'] ?? 0
      if (status === 200) asked?.settle(ACCEPTED)
      else
        collect(stream, body => {
          if (!this.session.destroyed && isWhole(body, headers['content-type'])) {
            answer = { kind: 'answered', status, retryAfter: headers['retry-after'], body }
          }
        })
    })
    stream.on('error', (error: Error) => {
      reason = reasonOf(error)
    })
    stream.on('close', () => {
      this.inFlight -= 1
      const ended = asked
      asked = null
      // Half an answer is none: without its error code a status does not say whose fault it is.
      if (answer && stream.rstCode === constants.NGHTTP2_NO_ERROR) ended?.settle(answer)
      if (ended && !ended.settled) {
        if (this.unprocessed(stream)) this.giveBack(ended, reason || this.reason)
        else ended.settle({ kind: 'lost', reason: reason || this.reason })
      }
      this.events.room()
    })
    stream.end(task.request.body)
    stream.resume()
  }

  suspect(): void {
    if (this.pinging || this.session.destroyed) return
    this.pinging = true
    const silence = setTimeout(() => this.destroy('no answer to a ping'), this.options.pingTimeoutMs)
    silence.unref()
    const sent = this.session.ping(error => {
      clearTimeout(silence)
      this.pinging = false
      if (!error) this.events.room()
    })
    if (!sent) this.destroy('no ping possible')
  }

  retire(): void {
    this.leave('retired')
    this.session.close()
  }

  async close(withinMs: number): Promise<void> {
    if (this.session.destroyed) return
    await new Promise<void>(resolve => {
      // A session whose socket went away in the middle of something may have no end to tell.
      const giveUp = setTimeout(() => {
        this.session.destroy()
        resolve()
      }, withinMs)
      this.session.once('close', () => {
        clearTimeout(giveUp)
        resolve()
      })
      if (this.opened) this.session.close()
      else {
        clearTimeout(giveUp)
        this.session.destroy()
        resolve()
      }
    })
  }

  /** Made once for as long as the access token lives. */
  private headersFor(authorization: string): OutgoingHttpHeaders {
    if (this.headers.authorization !== authorization) {
      this.headers = {
        ':method': 'POST',
        ':path': this.options.path,
        'content-type': this.options.contentType,
        authorization,
      }
    }
    return this.headers
  }

  private giveBack(task: Task, reason: string): void {
    task.sentOn = null
    task.cancel = null
    this.events.returned(task, reason)
  }

  private destroy(reason: string): void {
    this.reason = reason
    this.session.destroy()
  }

  private leave(reason: string): void {
    if (this.left) return
    this.left = true
    this.reason = reason
    this.events.gone(reason)
  }

  /** RFC 9113, 8.7: a refused stream, and one above the last that GOAWAY names, was not processed. */
  private unprocessed(stream: ClientHttp2Stream): boolean {
    if (stream.id === undefined || stream.id > this.lastProcessed) return true
    return stream.rstCode === constants.NGHTTP2_REFUSED_STREAM
  }
}

/**
 * Whether it is all of an answer. A peer that ends its connection may reset streams without an error, which looks like
 * their end: JSON that cannot be read tells it then.
 */
function isWhole(body: string, contentType: string | undefined): boolean {
  if (!contentType?.includes('json') || body.length >= LARGEST_ANSWER) return true
  try {
    JSON.parse(body)
    return true
  } catch {
    return false
  }
}

/** The answer's text; one that is too long ends there. */
function collect(stream: ClientHttp2Stream, done: (text: string) => void): void {
  const chunks: Buffer[] = []
  let size = 0
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= LARGEST_ANSWER) chunks.push(chunk)
  })
  stream.once('end', () => done(Buffer.concat(chunks).toString()))
}
