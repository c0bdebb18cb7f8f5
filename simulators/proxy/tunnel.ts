import { isIP, type Socket } from 'node:net'
import { connect, type SecureContext, TLSSocket } from 'node:tls'
import type { ProxyBehaviour } from './behaviour.ts'
import { type Relay, relay } from './relay.ts'
import { countHttp1, countHttp2, type RequestCounter } from './requests.ts'

/** What passed, all tunnels together. */
export interface Passed {
  /** As far as they are seen: not in mode `tunnel`. */
  requests: number
  bytesUp: number
  bytesDown: number
}

export interface Tunnel {
  behave(behaviour: ProxyBehaviour): void
  /** Resets both ends. */
  cut(): void
}

export interface TunnelOptions {
  host: string
  client: Socket
  server: Socket
  mode: ProxyBehaviour['mode']
  certificate: SecureContext
  /** PEM of the authority that the far end is verified by. */
  upstreamCa: string
  passed: Passed
  /** Called once, when both ends are gone. */
  closed(): void
}

const HANDSHAKE_MS = 10_000
/** What the one end still has to read when the other has closed. */
const LINGER_MS = 5_000

/** Joins a client to the far end; intercepting unless told to tunnel. Ends both when one ends or fails. */
export function openTunnel({ client, server, ...options }: TunnelOptions): Tunnel {
  const sockets = new Set<Socket>()
  const relays: Relay[] = []
  let behaviour: ProxyBehaviour | null = null
  let joined = false
  let linger: NodeJS.Timeout | undefined
  for (const socket of [client, server]) follow(socket)
  if (options.mode === 'tunnel') join(client, server, () => undefined)
  else intercept()

  function follow(socket: Socket): void {
    sockets.add(socket)
    // An end that breaks off is its own affair: the other is told by its closing.
    socket.on('error', () => socket.destroy())
    socket.on('close', hadError => {
      sockets.delete(socket)
      if (sockets.size === 0) finish()
      else if (hadError || !joined) destroyAll()
      else linger ??= setTimeout(destroyAll, LINGER_MS)
    })
  }

  /** The client chooses the protocol by its handshake; the far end is then asked for the same one. */
  function intercept(): void {
    const near = new TLSSocket(client, {
      isServer: true,
      secureContext: options.certificate,
      ALPNProtocols: options.mode === 'h2' ? ['h2', 'http/1.1'] : ['http/1.1'],
    })
    follow(near)
    const late = setTimeout(destroyAll, HANDSHAKE_MS)
    near.on('close', () => clearTimeout(late))
    near.once('secure', () => {
      const protocol = near.alpnProtocol || 'http/1.1'
      const far = connect({
        socket: server,
        ca: options.upstreamCa,
        ALPNProtocols: [protocol],
        host: options.host,
        ...(isIP(options.host) === 0 && { servername: options.host }),
      })
      follow(far)
      far.once('secureConnect', () => {
        clearTimeout(late)
        if ((far.alpnProtocol || 'http/1.1') !== protocol) destroyAll()
        else join(near, far, counterOf(protocol))
      })
    })
  }

  function counterOf(protocol: string): RequestCounter {
    const seen = () => {
      options.passed.requests += 1
    }
    return protocol === 'h2' ? countHttp2(seen) : countHttp1(seen)
  }

  function join(near: Socket, far: Socket, count: RequestCounter): void {
    const { passed } = options
    joined = true
    near.on('close', () => far.end())
    far.on('close', () => near.end())
    relays.push(
      relay(near, far, chunk => {
        passed.bytesUp += chunk.length
        count(chunk)
      }),
      relay(far, near, chunk => {
        passed.bytesDown += chunk.length
      }),
    )
    if (behaviour) behave(behaviour)
  }

  function behave(next: ProxyBehaviour): void {
    behaviour = next
    for (const each of relays) each.delay(delayOf(next))
  }

  function destroyAll(): void {
    for (const socket of sockets) socket.destroy()
  }

  function finish(): void {
    clearTimeout(linger)
    for (const each of relays) each.stop()
    options.closed()
  }

  return {
    behave,
    cut: () => {
      for (const socket of [client, server]) socket.resetAndDestroy()
      destroyAll()
    },
  }
}

function delayOf({ trouble, latencyMs }: ProxyBehaviour): number {
  if (trouble === 'hang') return Number.POSITIVE_INFINITY
  return trouble === 'slow' ? latencyMs : 0
}
