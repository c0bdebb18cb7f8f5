import { readFileSync } from 'node:fs'
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { type Finding, fault, limit } from './types.ts'

const CONNECT_MS = 3_000

export interface Endpoint {
  host: string
  port: number
  /** TLS, with the authority that is trusted; the system's when undefined. */
  tls: boolean
  caFile?: string | undefined
}

/** Where an address leads; its scheme says whether by TLS. */
export function endpointOf(url: string, caFile?: string): Endpoint {
  const { protocol, hostname, port } = new URL(url)
  const tls = /^(https|amqps|rediss):$/.test(protocol)
  const usual: Record<string, number> = {
    'http:': 80,
    'https:': 443,
    'redis:': 6379,
    'rediss:': 6379,
    'amqp:': 5672,
    'amqps:': 5671,
  }
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || usual[protocol]),
    tls,
    caFile: caFile || undefined,
  }
}

/** Connects, with the certificate verified where there is one, and hangs up; says how long that certificate lasts. */
export async function reach({ host, port, tls, caFile }: Endpoint, signal: AbortSignal): Promise<Finding[]> {
  const names = isIP(host) === 0 ? { servername: host } : {}
  const ca = caFile ? { ca: readFileSync(caFile) } : {}
  const socket = tls ? connectTls({ host, port, ...names, ...ca }) : connect({ host, port })
  await opened(socket, tls ? 'secureConnect' : 'connect', signal)
  const expires = tls ? Date.parse((socket as TLSSocket).getPeerCertificate().valid_to) : undefined
  socket.destroy()
  return expires === undefined ? [] : [certificate(expires, Date.now())]
}

function opened(socket: Socket, event: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      socket.destroy()
      reject(error)
    }
    socket.on('error', fail)
    socket.setTimeout(CONNECT_MS, () => fail(new Error('timeout')))
    signal.addEventListener('abort', () => fail(new Error('timeout')), { once: true })
    socket.once(event, () => resolve())
  })
}

const DAY = 86_400_000

/** Days are negated, so that fewer left is worse. */
export function certificate(expires: number, now: number): Finding {
  const days = Math.floor((expires - now) / DAY)
  return limit(
    -days,
    [-30, -7],
    { fr: `certificat valable encore ${days} jour(s)`, en: `certificate valid for ${days} more day(s)` },
    {
      fr: 'Renouvelez-le (docs/production, certificats), puis rechargez le service.',
      en: 'Renew it (docs/production, certificates), then reload the service.',
    },
  )
}

/** The answer of an HTTP endpoint within the time; rejects as `fetch` does. */
export async function get(
  url: string,
  signal: AbortSignal,
): Promise<{ status: number; body: unknown; ms: number }> {
  const startedAt = performance.now()
  const answer = await fetch(url, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(CONNECT_MS)]),
    redirect: 'manual',
  })
  const text = (await answer.text()).slice(0, 1_000_000)
  let body: unknown = text
  try {
    body = JSON.parse(text)
  } catch {
    // Text is an answer, too.
  }
  return { status: answer.status, body, ms: performance.now() - startedAt }
}

export const unexpected = (status: number, remedy: { fr: string; en: string }): Finding =>
  fault({ fr: `répond ${status}`, en: `answers ${status}` }, remedy)
