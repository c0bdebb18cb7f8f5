import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import {
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import type { Answer, Verdict } from './sends.ts'

export interface FcmRequest {
  method: string
  path: string
  authorization: string | undefined
  body: Buffer
}

export interface DoorOptions {
  tls: { key: string; cert: string }
  port: number
  maxConcurrentStreams: number
  /** Asked for every connection: whether it is reset. */
  refused: () => boolean
  decide: (request: FcmRequest) => Verdict | Promise<Verdict>
}

export interface Door {
  address: AddressInfo
  /** Asks `refused` again for the connections that are open. */
  refuseAgain(): void
  goaway(): void
  close(): Promise<void>
}

const LARGEST_BODY = 64 * 1024
const MOST_CONNECTIONS = 512
const JSON_TYPE = 'application/json; charset=UTF-8'

/** One TLS port that speaks HTTP/2, and HTTP/1.1 to who asks for it, and does with each request what `decide` says. */
export async function openDoor(options: DoorOptions): Promise<Door> {
  const sockets = new Set<Socket>()
  const sessions = new Set<ServerHttp2Session>()
  const http1 = createHttpServer((request, response) => serveHttp1(request, response, options.decide))
  const server = createTlsServer(
    { ...options.tls, ALPNProtocols: ['h2', 'http/1.1'], noDelay: true },
    (socket: TLSSocket) => {
      if (socket.alpnProtocol !== 'h2') {
        http1.emit('connection', socket)
        return
      }
      const session = performServerHandshake(socket, {
        settings: { maxConcurrentStreams: options.maxConcurrentStreams },
      })
      sessions.add(session)
      session.on('close', () => sessions.delete(session))
      // A client that breaks off is its own affair: the session closes by itself.
      session.on('error', () => session.destroy())
      session.on('stream', (stream, headers) => serveHttp2(stream, headers, options.decide))
    },
  )
  server.maxConnections = MOST_CONNECTIONS
  server.on('connection', (socket: Socket) => {
    if (options.refused()) {
      socket.resetAndDestroy()
      return
    }
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, '127.0.0.1', resolve)
  })

  return {
    address: server.address() as AddressInfo,
    refuseAgain: () => {
      for (const socket of sockets) if (options.refused()) socket.resetAndDestroy()
    },
    goaway: () => {
      for (const session of sessions) session.close()
    },
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

function serveHttp2(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  decide: DoorOptions['decide'],
): void {
  // A client that cancels a request is its own affair.
  stream.on('error', () => stream.destroy())
  collect(stream, body => {
    if (body === null) {
      reply(tooLarge)
      return
    }
    const verdict = decide({
      method: headers[':method'] ?? '',
      path: headers[':path'] ?? '',
      authorization: headers.authorization,
      body,
    })
    carryOut(verdict, reply, () => stream.session?.destroy())
  })

  function reply(answer: Answer): void {
    if (stream.destroyed || stream.closed) return
    stream.respond({ ':status': answer.status, ...headersOf(answer) })
    stream.end(answer.body)
  }
}

function serveHttp1(request: IncomingMessage, response: ServerResponse, decide: DoorOptions['decide']): void {
  collect(request, body => {
    if (body === null) {
      reply(tooLarge)
      return
    }
    const verdict = decide({
      method: request.method ?? '',
      path: request.url ?? '',
      authorization: request.headers.authorization,
      body,
    })
    carryOut(verdict, reply, () => request.socket.destroy())
  })

  function reply(answer: Answer): void {
    if (response.destroyed) return
    response.writeHead(answer.status, headersOf(answer))
    response.end(answer.body)
  }
}

const tooLarge: Answer = { kind: 'answer', status: 413, body: '{}', delayMs: 0 }

const headersOf = ({ retryAfterSeconds }: Answer): Record<string, string> =>
  retryAfterSeconds === undefined
    ? { 'content-type': JSON_TYPE }
    : { 'content-type': JSON_TYPE, 'retry-after': String(retryAfterSeconds) }

function carryOut(
  verdict: Verdict | Promise<Verdict>,
  reply: (answer: Answer) => void,
  hangUp: () => void,
): void {
  if (verdict instanceof Promise) {
    verdict.then(settled => carryOut(settled, reply, hangUp))
    return
  }
  if (verdict.kind === 'hang') return
  const act = verdict.kind === 'close' ? hangUp : () => reply(verdict)
  if (verdict.delayMs === 0) act()
  else setTimeout(act, verdict.delayMs).unref()
}

/** The whole body, or null when it is larger than allowed. */
function collect(source: NodeJS.ReadableStream, done: (body: Buffer | null) => void): void {
  const chunks: Buffer[] = []
  let size = 0
  source.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= LARGEST_BODY) chunks.push(chunk)
    else chunks.length = 0
  })
  source.on('end', () => {
    const [first] = chunks
    if (size > LARGEST_BODY) done(null)
    else done(chunks.length === 1 && first ? first : Buffer.concat(chunks))
  })
}
