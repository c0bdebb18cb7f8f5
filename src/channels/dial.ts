import { request } from 'node:http'
import { isIP, type Socket } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'

export interface DialOptions {
  /** `https://host:port` */
  origin: string
  /** PEM of the authorities to trust instead of the public ones; that of an intercepting proxy, where there is one. */
  ca: string | undefined
  /** `http://user:password@host:port` of a proxy that tunnels by CONNECT; none when undefined. */
  proxy: string | undefined
  /** By preference; the far end's choice is the socket's `alpnProtocol`, false when it made none. */
  protocols: readonly string[]
}

/**
 * Opens one connection: TCP, through the proxy if there is one, then TLS with the certificate verified. Rejects with
 * a short reason when it is not there within `timeoutMs`, or when the signal aborts.
 */
export type Dial = (timeoutMs: number, signal?: AbortSignal) => Promise<TLSSocket>

/** A dialler to one origin. Throws when the proxy's address is not http. */
export function dialer(options: DialOptions): Dial {
  const { hostname, port } = new URL(options.origin)
  const host = hostname.replace(/^\[|\]$/g, '')
  const proxy =
    options.proxy === undefined ? undefined : readProxy(options.proxy, `${hostname}:${port || 443}`)
  const tls = {
    ca: options.ca,
    ALPNProtocols: [...options.protocols],
    ...(isIP(host) === 0 && { servername: host }),
  }

  async function open(signal: AbortSignal): Promise<TLSSocket> {
    if (proxy) return secured(connect({ ...tls, host, socket: await openTunnel(proxy, signal) }), signal)
    return secured(connect({ ...tls, host, port: Number(port || 443) }).setNoDelay(true), signal)
  }

  return async (timeoutMs, signal) => {
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(new Error('connect timeout')), timeoutMs)
    try {
      return await open(signal ? AbortSignal.any([signal, late.signal]) : late.signal)
    } finally {
      clearTimeout(timer)
    }
  }
}

/** The socket once its handshake is done and the far end's certificate is believed. */
function secured(socket: TLSSocket, signal: AbortSignal): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const abort = () => socket.destroy(signal.reason)
    const closed = () => fail(new Error('connection closed'))
    function fail(error: Error): void {
      settle()
      socket.destroy()
      reject(error)
    }
    function settle(): void {
      signal.removeEventListener('abort', abort)
      socket.off('close', closed)
      // From here on its owner hears of its errors; one that comes in between shows as a closed socket.
      socket.off('error', fail).on('error', () => undefined)
    }
    socket.on('error', fail).on('close', closed)
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    socket.once('secureConnect', () => {
      settle()
      resolve(socket)
    })
  })
}

interface ProxyAddress {
  hostname: string
  port: number
  /** The far end, as CONNECT names it. */
  target: string
  authorization: string | undefined
}

function readProxy(address: string, target: string): ProxyAddress {
  const { protocol, hostname, port, username, password } = new URL(address)
  if (protocol !== 'http:') throw new Error('The address of the proxy must begin with http://')
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return {
    hostname: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || 80),
    target,
    authorization: username === '' ? undefined : `Basic ${Buffer.from(login).toString('base64')}`,
  }
}

/** A tunnel through the proxy (RFC 9110, 9.3.6). Rejects with what it answered when it is not 2xx. */
function openTunnel(
  { hostname, port, target, authorization }: ProxyAddress,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const asking = request({
      host: hostname,
      port,
      method: 'CONNECT',
      path: target,
      agent: false,
      signal,
      headers: { host: target, ...(authorization && { 'proxy-authorization': authorization }) },
    })
    asking.on('connect', (answer, socket, head) => {
      const status = answer.statusCode ?? 0
      if (status < 200 || status > 299) {
        socket.destroy()
        reject(new Error(`the proxy answered ${status}`))
        return
      }
      if (head.length > 0) socket.unshift(head)
      socket.setNoDelay(true)
      resolve(socket)
    })
    asking.on('response', answer => {
      asking.destroy()
      reject(new Error(`the proxy answered ${answer.statusCode}`))
    })
    asking.on('error', error => reject(signal.aborted ? signal.reason : error))
    asking.end()
  })
}
