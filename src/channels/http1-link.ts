import type { TLSSocket } from 'node:tls'
import { Client, type Dispatcher } from 'undici'
import { LARGEST_ANSWER, type Link, type LinkEvents, type LinkOptions, reasonOf } from './link.ts'
import { ACCEPTED, type Task } from './task.ts'

/**
 * A kept HTTP/1.1 connection on a socket whose far end does not speak `h2`: one request at a time. How long it may idle
 * is the peer's word (`Keep-Alive`), or four seconds.
 */
export class Http1Link implements Link {
  readonly multiplexes = false
  readonly opened = true
  private readonly client: Client
  private readonly socket: TLSSocket
  private readonly options: LinkOptions
  private readonly events: LinkEvents
  private readonly life: NodeJS.Timeout
  private headers: string[] = []
  private started = 0
  private answered = 0
  private busy = false
  private left = false

  constructor(socket: TLSSocket, options: LinkOptions, events: LinkEvents) {
    this.socket = socket
    this.options = options
    this.events = events
    let handedOver = false
    this.client = new Client(options.origin, {
      pipelining: 1,
      // Tasks have their own time limit.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (_options, done) => {
        // One connection, not the next one too: that is the pool's to open. And never at once: undici is not ready yet.
        const usable = !handedOver && !socket.destroyed
        handedOver = true
        queueMicrotask(() => (usable ? done(null, socket) : done(new Error('connection closed'), null)))
      },
    })
    socket.once('close', () => {
      clearTimeout(this.life)
      this.leave('connection closed')
      void this.client.destroy()
      this.events.closed()
    })
    this.life = setTimeout(() => this.retire(), options.http1LifeMs)
    this.life.unref()
  }

  wasUseful(): boolean {
    return this.answered > 0 || this.started === 0
  }

  room(): number {
    return this.busy || this.left || this.socket.destroyed ? 0 : 1
  }

  start(task: Task): void {
    this.busy = true
    this.started += 1
    task.sentOn = this
    const answer = new Answer(task)
    this.client.dispatch(
      {
        path: this.options.path,
        method: 'POST',
        headers: this.headersFor(task.request.authorization),
        body: task.request.body,
      },
      {
        onRequestStart: controller => {
          answer.begun = true
          task.cancel = () => controller.abort(new Error('cancelled'))
        },
        onResponseStart: (_controller, status, headers) => answer.start(status, headers['retry-after']),
        onResponseData: (controller, chunk) => {
          if (!answer.takes(chunk)) controller.abort(new Error('answer too large'))
        },
        onResponseEnd: () => {
          this.answered += 1
          answer.end()
          this.free()
        },
        onResponseError: (_controller, error) => {
          if (!answer.begun && !task.settled) {
            task.sentOn = null
            task.cancel = null
            this.leave(reasonOf(error))
            this.events.returned(task, reasonOf(error))
          } else answer.breakOff(reasonOf(error))
          this.free()
        },
      },
    )
  }

  /** Nothing to find out: who stops caring for an answer ends the connection by that. */
  suspect(): void {
    this.leave('timeout')
  }

  retire(): void {
    this.leave('retired')
    // Ends at once when nothing is under way.
    if (!this.busy) this.socket.end(() => this.socket.destroy())
  }

  async close(withinMs: number): Promise<void> {
    if (this.socket.destroyed) return
    await new Promise<void>(resolve => {
      const giveUp = setTimeout(() => this.socket.destroy(), withinMs)
      this.socket.once('close', () => {
        clearTimeout(giveUp)
        resolve()
      })
      this.retire()
    })
  }

  private free(): void {
    this.busy = false
    if (this.left) this.socket.destroy()
    else this.events.room()
  }

  /** Made once for as long as the access token lives. */
  private headersFor(authorization: string): string[] {
    if (this.headers[3] !== authorization) {
      this.headers = ['content-type', this.options.contentType, 'authorization', authorization]
    }
    return this.headers
  }

  private leave(reason: string): void {
    if (this.left) return
    this.left = true
    this.events.gone(reason)
  }
}

/** What comes back for one task. */
class Answer {
  /** The request is on its way: from here on it may have been processed. */
  begun = false
  private readonly task: Task
  private status = 0
  private retryAfter: string | undefined
  private size = 0
  private readonly chunks: Buffer[] = []

  constructor(task: Task) {
    this.task = task
  }

  start(status: number, retryAfter: Dispatcher.ResponseData['headers'][string]): void {
    this.status = status
    this.retryAfter = Array.isArray(retryAfter) ? retryAfter[0] : retryAfter
    if (status === 200) this.end()
  }

  takes(chunk: Buffer): boolean {
    this.size += chunk.length
    if (this.status !== 200 && this.size <= LARGEST_ANSWER) this.chunks.push(chunk)
    return this.size <= LARGEST_ANSWER
  }

  end(): void {
    const { status, retryAfter } = this
    if (status === 200) this.task.settle(ACCEPTED)
    else {
      const body = Buffer.concat(this.chunks).toString()
      this.task.settle({ kind: 'answered', status, retryAfter, body })
    }
  }

  /** Without its whole text an answer is still its status. */
  breakOff(reason: string): void {
    if (this.status >= 200) this.end()
    else this.task.settle({ kind: 'lost', reason })
  }
}
