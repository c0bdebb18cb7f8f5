import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { createLastItems } from '../last-items.ts'
import { readSendOneSms, sendOneSmsResponse, soapFault } from './soap.ts'

export interface ReceivedSms {
  /** ISO 8601. */
  at: string
  /** E.164. */
  phone: string
  text: string
}

/** `slow`: taken in at once, answered late. `down`: connections are reset. */
export interface SmsBehaviour {
  mode: 'ok' | 'slow' | 'down'
  /** Of `slow`; 10 s when not said. */
  latencyMs?: number
}

export interface SmsGatewayOptions {
  /** A certificate for 127.0.0.1 and its key, PEM. */
  tls: { key: string; cert: string }
  /** 0 picks a free one. */
  port?: number
  /** Called for every SMS that goes out. */
  onSms?: (sms: ReceivedSms) => void
  now?: () => number
}

/** A running SMS gateway. */
export interface SmsGateway {
  port: number
  url: string
  behave(behaviour: SmsBehaviour): void
  behaviour(): SmsBehaviour
  /** The last SMS of a phone (E.164), newest first. */
  messages(phone: string): ReceivedSms[]
  close(): Promise<void>
}

const LARGEST_BODY = 16 * 1024
const MOST_CONNECTIONS = 256
const USUAL_SLOWNESS_MS = 10_000

/** Starts the SOAP service `sendOneSMS` on 127.0.0.1. Rejects when the port is taken. */
export async function startSmsGateway(options: SmsGatewayOptions): Promise<SmsGateway> {
  const now = options.now ?? Date.now
  const inbox = createLastItems<ReceivedSms>({ most: 100_000, perKey: 50 })
  const sockets = new Set<Socket>()
  let behaviour: SmsBehaviour = { mode: 'ok' }

  function answer(xml: string): { status: number; body: string } {
    const call = readSendOneSms(xml)
    if (!call) return { status: 500, body: soapFault('Client', 'Expected sendOneSMS(phone, message)') }
    if (!/^221\d{9}$/.test(call.phone)) {
      return { status: 200, body: sendOneSmsResponse(400, 'Numéro invalide') }
    }
    if (call.message === '') return { status: 200, body: sendOneSmsResponse(400, 'Message vide') }
    const sms = { at: new Date(now()).toISOString(), phone: `+${call.phone}`, text: call.message }
    inbox.add(sms.phone, sms)
    options.onSms?.(sms)
    return { status: 200, body: sendOneSmsResponse(200, 'Message envoyé') }
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const xml = await readBody(request)
    const { status, body } =
      xml === null ? { status: 413, body: soapFault('Client', 'The request is too large') } : answer(xml)
    const respond = () => {
      if (response.destroyed) return
      response.writeHead(status, { 'content-type': 'text/xml; charset=utf-8' })
      response.end(body)
    }
    if (behaviour.mode === 'slow') setTimeout(respond, behaviour.latencyMs ?? USUAL_SLOWNESS_MS).unref()
    else respond()
  }

  const server: Server = createServer(options.tls, (request, response) => {
    // A caller that breaks off is its own affair.
    serve(request, response).catch(() => response.destroy())
  })
  server.maxConnections = MOST_CONNECTIONS
  server.on('connection', (socket: Socket) => {
    if (behaviour.mode === 'down') {
      socket.resetAndDestroy()
      return
    }
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo

  return {
    port,
    url: `https://127.0.0.1:${port}/sms`,
    behave: wanted => {
      behaviour = wanted
      if (wanted.mode === 'down') for (const socket of sockets) socket.resetAndDestroy()
    },
    behaviour: () => behaviour,
    messages: inbox.of,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

/** Null when it is larger than allowed. Rejects when the caller breaks off. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > LARGEST_BODY) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
