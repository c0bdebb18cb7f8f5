import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Authority } from '../authority.ts'
import { type ProxyBehaviour, USUAL } from './behaviour.ts'
import { createCertificates } from './certificates.ts'
import { openTunnel, type Passed, type Tunnel } from './tunnel.ts'

export interface ProxyOptions {
  /** Signs the certificates that clients are shown. */
  authority: Authority
  /** PEM of the authority that the far ends are verified by. */
  upstreamCa: string
  /** `host:port` of the far ends; every other is refused. */
  allowed: readonly string[]
  /** 0 picks a free one. */
  port?: number
  /** Whom it serves (Basic); everyone when absent. */
  login?: { user: string; password: string }
  behaviour?: Partial<ProxyBehaviour>
}

export interface ProxyStats extends Passed {
  /** Tunnels that are open now. */
  open: number
  /** Tunnels that were asked for, refused ones included. */
  asked: number
  refused: number
}

/** A company's proxy: CONNECT alone, and it reads what passes. */
export interface CompanyProxy {
  port: number
  /** With the login, as clients are configured. */
  url: string
  behaviour(): ProxyBehaviour
  behave(behaviour: ProxyBehaviour): void
  /** Resets what is open, once. */
  cut(): void
  stats(): ProxyStats
  close(): Promise<void>
}

const MOST_CONNECTIONS = 1_000
const HEAD_MS = 10_000
const CONNECT_MS = 10_000

/** Starts the proxy on 127.0.0.1. Rejects when the port is taken. */
export async function startProxy(options: ProxyOptions): Promise<CompanyProxy> {
  const certificateFor = createCertificates(options.authority)
  const expected = options.login && basic(options.login)
  const sockets = new Set<Socket>()
  const tunnels = new Set<Tunnel>()
  const passed: Passed = { requests: 0, bytesUp: 0, bytesDown: 0 }
  let behaviour: ProxyBehaviour = { ...USUAL, ...options.behaviour }
  let asked = 0
  let refused = 0

  const server = createServer({ headersTimeout: HEAD_MS, requestTimeout: HEAD_MS }, (_request, response) => {
    response.writeHead(405, { allow: 'CONNECT' }).end()
  })
  server.maxConnections = MOST_CONNECTIONS
  server.on('connection', (socket: Socket) => {
    // Before a tunnel has it, and after a refusal, nobody else would hear of its end.
    socket.on('error', () => socket.destroy())
    if (behaviour.trouble === 'down') {
      socket.resetAndDestroy()
      return
    }
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('connect', (request: IncomingMessage, client: Duplex, head: Buffer) => {
    asked += 1
    open(request, client as Socket, head).catch((fault: Error) => {
      refused += 1
      refuse(client, fault instanceof Refusal ? fault : new Refusal(502, 'Bad Gateway'))
    })
  })

  async function open(request: IncomingMessage, client: Socket, head: Buffer): Promise<void> {
    if (behaviour.trouble === 'refuse') throw new Refusal(503, 'Service Unavailable')
    if (expected !== undefined && request.headers['proxy-authorization'] !== expected) {
      throw new Refusal(407, 'Proxy Authentication Required', 'Proxy-Authenticate: Basic realm="proxy"\r\n')
    }
    const address = request.url ?? ''
    if (!options.allowed.includes(address)) throw new Refusal(403, 'Forbidden')
    const { hostname: host, port } = new URL(`https://${address}`)
    // A proxy that hangs has taken the request, and says nothing more.
    if (behaviour.trouble === 'hang') {
      client.on('end', () => client.destroy()).resume()
      return
    }
    const certificate = await certificateFor(host)
    const far = await reach(host, Number(port || 443))
    if (client.destroyed) {
      far.destroy()
      return
    }
    client.setNoDelay(true)
    client.write('HTTP/1.1 200 Connection established\r\n\r\n')
    if (head.length > 0) client.unshift(head)
    const tunnel = openTunnel({
      host,
      client,
      server: far,
      mode: behaviour.mode,
      certificate,
      upstreamCa: options.upstreamCa,
      passed,
      closed: () => tunnels.delete(tunnel),
    })
    tunnel.behave(behaviour)
    tunnels.add(tunnel)
  }

  function cut(): void {
    for (const tunnel of tunnels) tunnel.cut()
    for (const socket of sockets) socket.resetAndDestroy()
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  const { user, password } = options.login ?? {}
  return {
    port,
    url: `http://${user ? `${encodeURIComponent(user)}:${encodeURIComponent(password ?? '')}@` : ''}127.0.0.1:${port}`,
    behaviour: () => behaviour,
    behave: next => {
      behaviour = next
      if (next.trouble === 'down') cut()
      for (const tunnel of tunnels) tunnel.behave(next)
    },
    cut,
    stats: () => ({ open: tunnels.size, asked, refused, ...passed }),
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        cut()
      }),
  }
}

/** Why a tunnel is not opened, as the client is told. */
class Refusal extends Error {
  readonly status: number
  readonly headers: string

  constructor(status: number, text: string, headers = '') {
    super(text)
    this.status = status
    this.headers = headers
  }
}

function refuse(client: Duplex, { status, message, headers }: Refusal): void {
  if (!client.writable) return
  const text = `HTTP/1.1 ${status} ${message}\r\n${headers}Content-Length: 0\r\nConnection: close\r\n\r\n`
  client.end(text, () => client.destroy())
}

/** A connection to the far end. Rejects when there is none in time. */
function reach(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true })
    const late = setTimeout(() => socket.destroy(new Error('connect timeout')), CONNECT_MS)
    socket.once('error', reject)
    socket.once('close', () => clearTimeout(late))
    socket.once('connect', () => {
      clearTimeout(late)
      socket.off('error', reject)
      resolve(socket)
    })
  })
}

const basic = ({ user, password }: { user: string; password: string }): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
