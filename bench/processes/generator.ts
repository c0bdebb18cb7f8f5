// Who asks: connections kept open, one request at a time on each, no pipelining.
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import { answerParent } from '../lib/child.ts'
import { type Connection, openConnection, requestBytes } from '../lib/connection.ts'

/** As many requests as are answered, for so long. */
export interface Flood {
  kind: 'flood'
  port: number
  connections: number
  seconds: number
  /** Bytes of the requests, one after the other, again and again. */
  requests: string[]
}

/** Refresh tokens to trade, kept here under a name. */
export interface Tokens {
  kind: 'tokens'
  line: string
  tokens: string[]
}

/** Trades the refresh tokens of a line: each is used once, its successor goes to the end. */
export interface Refreshes {
  kind: 'refreshes'
  port: number
  connections: number
  seconds: number
  line: string
}

/** A fixed number of requests a second until told to stop; the time counts from when each was due. */
export interface Probe {
  kind: 'probe'
  port: number
  perSecond: number
  /** Bytes of the requests, in turn. */
  requests: string[]
}

export interface Measured {
  perSecond: number
  /** ms */
  p50: number
  p99: number
  max: number
  answered: number
  /** Answers with another status than 200, and lost connections. */
  failed: number
  /** Part of a core that the generator itself used, 0 to 1: near 1 it would be the limit. */
  busy: number
}

interface Source {
  next(): Buffer | string
  answered(body: Buffer): void
}

const MOST_PROBES = 256

async function flood(job: Flood | Refreshes, source: Source): Promise<Measured> {
  const connections = await openAll(job.port, job.connections)
  const times = createHistogram()
  const startedAt = performance.now()
  const cpu = process.cpuUsage()
  const endsAt = startedAt + job.seconds * 1_000
  let failed = 0
  await Promise.all(
    connections.map(
      connection =>
        new Promise<void>(done => {
          function ask(): void {
            const sentAt = performance.now()
            if (sentAt >= endsAt) {
              done()
              return
            }
            connection.send(source.next(), (status, body) => {
              record(times, performance.now() - sentAt)
              if (status === 200) source.answered(body)
              else failed++
              if (status === 0) done()
              else ask()
            })
          }
          ask()
        }),
    ),
  )
  const measured = report(times, failed, startedAt, cpu)
  for (const connection of connections) connection.close()
  return measured
}

const openAll = (port: number, count: number): Promise<Connection[]> =>
  Promise.all(Array.from({ length: count }, () => openConnection(port)))

function inTurn(requests: string[]): Source {
  const bytes = requests.map(request => Buffer.from(request))
  let next = 0
  return { next: () => bytes[next++ % bytes.length] as Buffer, answered: () => undefined }
}

const lines = new Map<string, { tokens: string[]; used: number }>()

function trading(name: string): Source {
  const line = lines.get(name)
  if (!line) throw new Error(`no tokens in line ${name}`)
  line.tokens.splice(0, line.used)
  line.used = 0
  return {
    next: () =>
      requestBytes('POST', '/v1/auth/token', {
        body: { grant: 'refresh', refreshToken: line.tokens[line.used++] },
      }),
    answered(body) {
      line.tokens.push(JSON.parse(body.toString()).refreshToken)
    },
  }
}

let stopProbe: (() => Promise<Measured>) | undefined

/** Coordinated omission would hide a stall: requests go out on schedule, however long the ones before them take. */
function probe(job: Probe): undefined {
  const times = createHistogram()
  const startedAt = performance.now()
  const cpu = process.cpuUsage()
  const source = inTurn(job.requests)
  const idle: Connection[] = []
  let sent = 0
  let open = 0
  let failed = 0

  async function one(dueAt: number): Promise<void> {
    if (idle.length === 0 && open >= MOST_PROBES) {
      failed++
      record(times, performance.now() - dueAt)
      return
    }
    let connection = idle.pop()
    while (connection && !connection.isOpen()) {
      open--
      connection = idle.pop()
    }
    if (!connection) {
      open++
      connection = await openConnection(job.port)
    }
    const request = source.next()
    const status = await new Promise<number>(done => connection.send(request, done))
    record(times, performance.now() - dueAt)
    if (status === 0) open--
    else idle.push(connection)
    if (status !== 200) failed++
  }

  const under = new Set<Promise<void>>()
  const timer = setInterval(() => {
    const due = ((performance.now() - startedAt) / 1_000) * job.perSecond
    while (sent <= due) {
      const call = one(startedAt + (sent++ / job.perSecond) * 1_000)
        .catch(() => {
          failed++
        })
        .finally(() => under.delete(call))
      under.add(call)
    }
  }, 1)
  stopProbe = async () => {
    clearInterval(timer)
    await Promise.all(under)
    for (const connection of idle) connection.close()
    return report(times, failed, startedAt, cpu)
  }
}

const record = (times: RecordableHistogram, ms: number) => times.record(Math.max(1, Math.round(ms * 1_000)))

function report(
  times: RecordableHistogram,
  failed: number,
  startedAt: number,
  cpu: NodeJS.CpuUsage,
): Measured {
  const ms = performance.now() - startedAt
  const { user, system } = process.cpuUsage(cpu)
  return {
    perSecond: (times.count / ms) * 1_000,
    p50: times.percentile(50) / 1_000,
    p99: times.percentile(99) / 1_000,
    max: times.max / 1_000,
    answered: times.count,
    failed,
    busy: (user + system) / 1_000 / ms,
  }
}

answerParent<object, object>(async () => ({
  ready: {},
  async answer(
    job: Flood | Tokens | Refreshes | Probe | { kind: 'stop probe' },
  ): Promise<Measured | undefined> {
    switch (job.kind) {
      case 'flood':
        return flood(job, inTurn(job.requests))
      case 'tokens':
        lines.set(job.line, { tokens: job.tokens, used: 0 })
        return
      case 'refreshes':
        return flood(job, trading(job.line))
      case 'probe':
        return probe(job)
      case 'stop probe':
        return stopProbe?.()
    }
  },
}))
