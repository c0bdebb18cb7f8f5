import { connect } from 'node:net'

/** One kept connection with one request on it at a time. */
export interface Connection {
  /** Sends the bytes of a request; `answered` is told once, with status 0 when the connection was lost. */
  send(request: Buffer | string, answered: (status: number, body: Buffer) => void): void
  /** False when the other side ended it, as servers do with connections that were idle for long. */
  isOpen(): boolean
  close(): void
}

const HEAD_END = Buffer.from('\r\n\r\n')
const NOTHING = Buffer.alloc(0)

/** Connects to a port of 127.0.0.1. Understands answers with a `content-length`, which is all that is measured here. */
export function openConnection(port: number): Promise<Connection> {
  return new Promise((opened, fail) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    let waiting: ((status: number, body: Buffer) => void) | null = null
    let received = NOTHING
    let missing = 0

    function settle(status: number, body: Buffer): void {
      const answered = waiting
      waiting = null
      received = NOTHING
      missing = 0
      answered?.(status, body)
    }

    socket.on('data', chunk => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
      if (received.length < missing) return
      const headEnd = received.indexOf(HEAD_END)
      if (headEnd < 0) return
      const head = received.toString('latin1', 0, headEnd)
      const bodyStart = headEnd + HEAD_END.length
      const end = bodyStart + bodyLength(head)
      if (received.length < end) {
        missing = end
        return
      }
      settle(Number(head.slice(9, 12)), received.subarray(bodyStart, end))
    })
    const lost = () => settle(0, NOTHING)
    socket.on('error', fail)
    socket.on('close', lost)
    socket.once('connect', () => {
      opened({
        send(request, answered) {
          waiting = answered
          if (socket.destroyed) lost()
          else socket.write(request)
        },
        isOpen: () => !socket.destroyed && socket.readable,
        close: () => socket.destroy(),
      })
    })
  })
}

function bodyLength(head: string): number {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length === undefined && !/^HTTP\/1.1 (204|304)/.test(head)) {
    throw new Error(`an answer without content-length: ${head}`)
  }
  return Number(length ?? 0)
}

/** The bytes of a request. */
export function requestBytes(
  method: string,
  path: string,
  options: { token?: string; body?: unknown } = {},
): string {
  const body = options.body === undefined ? undefined : JSON.stringify(options.body)
  const lines = [`${method} ${path} HTTP/1.1`, 'host: 127.0.0.1', 'accept: application/json']
  if (options.token) lines.push(`authorization: Bearer ${options.token}`)
  if (body !== undefined) {
    lines.push('content-type: application/json', `content-length: ${Buffer.byteLength(body)}`)
  }
  return `${lines.join('\r\n')}\r\n\r\n${body ?? ''}`
}
