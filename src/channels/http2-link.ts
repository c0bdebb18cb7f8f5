import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2'

/** What became of one request. */
export type Exchange =
  | { kind: 'answered'; status: number; retryAfter: string | undefined; body: string }
  /** The peer certainly did not process it. */
  | { kind: 'unreached'; reason: string }
  /** It was sent, and no answer came: it may have been processed. */
  | { kind: 'lost'; reason: string }

/** A request on its way through the pool. */
export interface Task {
  headers: OutgoingHttpHeaders
  body: Buffer
  settled: boolean
  /** How often a connection gave it back unprocessed. */
  returns: number
  /** The connection that has it now. */
  sentOn: Link | null
  /** Stops caring for the answer. */
  cancel: (() => void) | null
  /** Takes the first outcome; later ones are ignored. */
  settle(exchange: Exchange): void
}

export interface LinkEvents {
  /** Ready for requests, or able to take more of them. */
  room(): void
  /** Takes no new requests any more; those under way may still end well. */
  gone(reason: string): void
  /** The connection has ended. */
  closed(): void
  /** A request that the peer certainly did not process. */
  returned(task: Task, reason: string): void
}

export interface LinkOptions {
  origin: string
  ca: string | undefined
  mostStreams: number
  connectTimeoutMs: number
  pingTimeoutMs: number
}

const LARGEST_ANSWER = 64 * 1024

/** One HTTP/2 connection over TLS, from its opening to its end. */
export class Link {
  opened = false
  private started = 0
  private answered = 0
  private readonly session: ClientHttp2Session
  private readonly events: LinkEvents
  private readonly options: LinkOptions
  private limit = 0
  private inFlight = 0
  private left = false
  private lastProcessed = Number.POSITIVE_INFINITY
  private pinging = false
  private reason = 'connection closed'

  constructor(options: LinkOptions, events: LinkEvents) {
    this.events = events
    this.options = options
    this.session = connect(options.origin, {
      settings: { enablePush: false },
      ...(options.ca !== undefined && { ca: options.ca }),
    })
    const giveUp = setTimeout(() => this.destroy('connect timeout'), options.connectTimeoutMs)
    // The peer's first frame must be its settings (RFC 9113, 3.4): until it came, nobody speaks HTTP/2 there.
    this.session.on('remoteSettings', settings => {
      clearTimeout(giveUp)
      this.limit = Math.min(options.mostStreams, settings.maxConcurrentStreams ?? options.mostStreams)
      this.opened = true
      this.events.room()
    })
    this.session.on('goaway', (_code, lastStreamId) => {
      this.lastProcessed = lastStreamId
      this.leave('GOAWAY')
    })
    this.session.on('error', (error: NodeJS.ErrnoException) => {
      this.reason = error.code ?? error.message
    })
    this.session.on('close', () => {
      clearTimeout(giveUp)
      this.leave(this.reason)
      this.events.closed()
    })
  }

  /** Whether it answered something, or had nothing to answer: not so, the next attempt waits longer. */
  wasUseful(): boolean {
    return this.opened && (this.answered > 0 || this.started === 0)
  }

  /** How many more requests it takes now. */
  room(): number {
    if (!this.opened || this.left || this.session.closed || this.session.destroyed) return 0
    return this.limit - this.inFlight
  }

  /** Sends the task's request; what becomes of it comes through `task.settle` or `events.returned`. */
  start(task: Task): void {
    let stream: ClientHttp2Stream
    try {
      stream = this.session.request(task.headers, { endStream: false })
    } catch (error) {
      this.leave((error as NodeJS.ErrnoException).code ?? 'connection closed')
      this.giveBack(task, this.reason)
      return
    }
    this.started += 1
    this.inFlight += 1
    task.sentOn = this
    task.cancel = () => stream.close(constants.NGHTTP2_CANCEL)
    let status = 0
    let reason = ''
    stream.on('response', headers => {
      this.answered += 1
      status = headers[':status'] ?? 0
      if (status === 200) task.settle({ kind: 'answered', status, retryAfter: undefined, body: '' })
      else
        collect(stream, body =>
          task.settle({ kind: 'answered', status, retryAfter: headers['retry-after'], body }),
        )
    })
    stream.on('error', (error: NodeJS.ErrnoException) => {
      reason = error.code ?? error.message
    })
    stream.on('close', () => {
      this.inFlight -= 1
      if (!task.settled) {
        if (this.unprocessed(stream)) this.giveBack(task, reason || this.reason)
        else task.settle({ kind: 'lost', reason: reason || this.reason })
      }
      this.events.room()
    })
    stream.end(task.body)
    stream.resume()
  }

  /** Finds out whether the peer is still there, after an answer that did not come. */
  suspect(): void {
    if (this.pinging || this.session.destroyed) return
    this.pinging = true
    const silence = setTimeout(() => this.destroy('no answer to a ping'), this.options.pingTimeoutMs)
    silence.unref()
    const sent = this.session.ping(() => {
      clearTimeout(silence)
      this.pinging = false
    })
    if (!sent) this.destroy('no ping possible')
  }

  /** Lets requests under way end, for `withinMs` at most. */
  async close(withinMs: number): Promise<void> {
    if (this.session.destroyed) return
    await new Promise<void>(resolve => {
      const giveUp = setTimeout(() => this.session.destroy(), withinMs)
      this.session.once('close', () => {
        clearTimeout(giveUp)
        resolve()
      })
      if (this.opened) this.session.close()
      else this.session.destroy()
    })
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

/** The answer's text; one that is too long, or breaks off, ends where it does. */
function collect(stream: ClientHttp2Stream, done: (text: string) => void): void {
  const chunks: Buffer[] = []
  let size = 0
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= LARGEST_ANSWER) chunks.push(chunk)
  })
  stream.once('end', () => done(Buffer.concat(chunks).toString()))
}
