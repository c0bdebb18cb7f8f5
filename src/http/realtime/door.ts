import type { IncomingMessage, Server } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws'
import { newId } from '../../lib/id.ts'
import { Problem } from '../../lib/problems.ts'
import { languageOf, problemBody } from '../problem.ts'

const PATH = '/v1/realtime'
const MOST_PAYLOAD = 4 * 1024
const OPTIONS: ServerOptions & { closeTimeout: number; maxFragments: number; maxBufferedChunks: number } = {
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  maxPayload: MOST_PAYLOAD,
  maxFragments: 16,
  maxBufferedChunks: 64,
  /** ms for the other side to answer a close. */
  closeTimeout: 5_000,
}

/**
 * Answers upgrades on the API's server: sockets at `/v1/realtime` from apps (which send no Origin) and from pages of our
 * own; a problem+json for everything else. `refusal` says why there is no room just now. Returns what closes the door.
 */
export function openDoor(options: {
  server: Server
  origins: readonly string[]
  refusal: () => Problem | null
  /** With the stream below the socket. */
  onSocket: (ws: WebSocket, wire: Duplex) => void
}): () => void {
  const { server, origins, refusal, onSocket } = options
  const sockets = new WebSocketServer(OPTIONS)

  function onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const problem = whyNot(request, origins) ?? refusal()
    if (problem) refuse(request, socket, problem)
    else sockets.handleUpgrade(request, socket, head, ws => onSocket(ws, socket))
  }

  server.on('upgrade', onUpgrade)
  return () => void server.off('upgrade', onUpgrade)
}

function whyNot(request: IncomingMessage, origins: readonly string[]): Problem | null {
  if (request.url?.split('?', 1)[0] !== PATH) return new Problem('not_found')
  const { origin, host } = request.headers
  if (origin === undefined || origins.includes(origin) || hostOf(origin) === host) return null
  return new Problem('forbidden')
}

const hostOf = (origin: string): string | undefined => URL.parse(origin)?.host

function refuse(request: IncomingMessage, socket: Duplex, problem: Problem): void {
  const body = JSON.stringify(problemBody(problem, languageOf(request.headers['accept-language']), newId()))
  // Whoever is refused may have hung up already.
  socket.on('error', () => socket.destroy())
  socket.once('finish', () => socket.destroy())
  socket.end(
    [
      `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
      'connection: close',
      'content-type: application/problem+json',
      `content-length: ${Buffer.byteLength(body)}`,
      ...(problem.retryAfter === undefined ? [] : [`retry-after: ${Math.ceil(problem.retryAfter)}`]),
      '',
      body,
    ].join('\r\n'),
  )
}
