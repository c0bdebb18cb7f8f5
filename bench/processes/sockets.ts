// Ten thousand customers' apps: WebSockets on bare TCP connections, so that who listens costs little beside who is measured.
import { connect, type Socket } from 'node:net'
import { answerParent } from '../lib/child.ts'

/** Opens a socket for each token and waits until all are let in. */
export interface Open {
  kind: 'open'
  port: number
  tokens: string[]
}

/** Waits until so many sockets heard each of these notifications, or the time is over. */
export interface Heard {
  kind: 'heard'
  /** Ids, each with the moment (`moment()`) that its ms count from. */
  since: [id: string, at: number][]
  each: number
  withinMs: number
}

export interface HeardTimes {
  heard: number
  /** ms */
  p50: number
  p99: number
  max: number
}

/** Side by side on their way in. */
const AT_ONCE = 100
const OPEN_MS = 120_000
const REQUEST = [
  'GET /v1/realtime HTTP/1.1',
  'host: 127.0.0.1',
  'connection: Upgrade',
  'upgrade: websocket',
  'sec-websocket-version: 13',
  'sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==',
  '',
  '',
].join('\r\n')
const PONG = frame({ type: 'pong' })
const NOTHING: Buffer = Buffer.alloc(0)
const SAYS = { ping: '{"type":"ping"', ready: '{"type":"ready"', notification: '{"type":"notification"' }

const sockets = new Set<Socket>()
const heard = new Map<string, number[]>()
let lost = 0

const moment = () => performance.timeOrigin + performance.now()

/** A client's text, as RFC 6455 has it: masked, here with a mask that changes nothing. */
function frame(message: object): Buffer {
  const text = Buffer.from(JSON.stringify(message))
  const head =
    text.length < 126
      ? Buffer.from([0x81, 0x80 | text.length])
      : Buffer.from([0x81, 0xfe, text.length >> 8, text.length & 0xff])
  return Buffer.concat([head, Buffer.alloc(4), text])
}

/** Connects, says who it is, and resolves when it is let in. */
function enter(port: number, token: string): Promise<void> {
  return new Promise((done, fail) => {
    // Addresses of its own for each few thousand: so many ports of one address are not always free.
    const localAddress = `127.0.0.${2 + (sockets.size % 8)}`
    const socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true })
    let rest: Buffer = NOTHING
    let upgraded = false
    sockets.add(socket)
    socket.on('error', fail)
    socket.on('close', () => {
      sockets.delete(socket)
      lost++
      fail(new Error('closed'))
    })
    socket.once('connect', () => socket.write(REQUEST))
    socket.on('data', chunk => {
      const at = moment()
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      if (!upgraded) {
        const end = rest.indexOf('\r\n\r\n')
        if (end < 0) return
        if (!rest.toString('latin1', 0, 12).endsWith('101'))
          return fail(new Error(rest.toString('latin1', 0, 300)))
        upgraded = true
        rest = rest.subarray(end + 4)
        socket.write(frame({ type: 'auth', token }))
      }
      rest = readFrames(rest, text => {
        if (text.startsWith(SAYS.notification)) note(text, at)
        else if (text.startsWith(SAYS.ping)) socket.write(PONG)
        else if (text.startsWith(SAYS.ready)) done()
      })
    })
  })
}

function note(text: string, at: number): void {
  const id = /"id":"([^"]+)"/.exec(text)?.[1] ?? ''
  const times = heard.get(id)
  if (times) times.push(at)
  else heard.set(id, [at])
}

/** Tells the whole texts that are there; what is left is the beginning of the next. */
function readFrames(bytes: Buffer, tell: (text: string) => void): Buffer {
  let at = 0
  while (bytes.length - at >= 2) {
    let length = (bytes[at + 1] as number) & 0x7f
    let head = 2
    if (length === 126) {
      head = 4
      if (bytes.length - at < head) break
      length = bytes.readUInt16BE(at + 2)
    }
    if (bytes.length - at < head + length) break
    if (((bytes[at] as number) & 0x0f) === 1) tell(bytes.toString('utf8', at + head, at + head + length))
    at += head + length
  }
  return at === bytes.length ? NOTHING : bytes.subarray(at)
}

async function openAll({ port, tokens }: Open): Promise<{ open: number }> {
  const coming = tokens.values()
  const giveUpAt = performance.now() + OPEN_MS
  const line = async () => {
    for (const token of coming) {
      if (performance.now() > giveUpAt) throw new Error(`${sockets.size} sockets open after ${OPEN_MS} ms`)
      await enter(port, token)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, line))
  return { open: sockets.size }
}

async function hear({ since, each, withinMs }: Heard): Promise<HeardTimes> {
  const giveUpAt = performance.now() + withinMs
  const missing = () => since.some(([id]) => (heard.get(id)?.length ?? 0) < each)
  while (missing() && performance.now() < giveUpAt) await new Promise(done => setTimeout(done, 20))
  const ms = since.flatMap(([id, at]) => (heard.get(id) ?? []).map(time => time - at)).sort((a, b) => a - b)
  heard.clear()
  const part = (share: number) => ms[Math.min(ms.length - 1, Math.floor(ms.length * share))] ?? Number.NaN
  return { heard: ms.length, p50: part(0.5), p99: part(0.99), max: part(1) }
}

async function closeAll(): Promise<void> {
  for (const socket of sockets) socket.destroy()
  while (sockets.size > 0) await new Promise(done => setTimeout(done, 20))
  lost = 0
}

answerParent<object, object>(async () => ({
  ready: {},
  async answer(job: Open | Heard | { kind: 'close' | 'lost' }) {
    switch (job.kind) {
      case 'open':
        return openAll(job)
      case 'heard':
        return hear(job)
      case 'close':
        return closeAll()
      case 'lost':
        return lost
    }
  },
}))
