import { join } from 'node:path'
import type { Lab } from '../lib/lab.ts'
import type { Distance, Pushes, Sends } from '../lib/pushes.ts'
import { alternate, median, medianRatio } from '../lib/rounds.ts'
import { perSecond, type Row } from '../lib/table.ts'
import type { FcmAddress } from '../processes/fcm.ts'
import type { ProxyAddress } from '../processes/proxy.ts'

const ROUNDS = 9
const SENDS = 20_000
const SECONDS = 2
const SESSIONS = 2
const STREAMS = 100

interface Way {
  what: string
  mode: 'h2' | 'http1' | null
  bare: 'bare-http2.ts' | 'bare-http1.ts'
}

const WAYS: Way[] = [
  { what: 'pushes, direct', mode: null, bare: 'bare-http2.ts' },
  { what: 'pushes, intercepting proxy, HTTP/2', mode: 'h2', bare: 'bare-http2.ts' },
  { what: 'pushes, intercepting proxy, HTTP/1.1', mode: 'http1', bare: 'bare-http1.ts' },
]

/** Pushes per second of our sender against a bare client that sends the same bytes the same way, in turn. */
export async function push(lab: Lab): Promise<Row[]> {
  const fcm = await lab.child<FcmAddress>('fcm.ts', { core: 1, data: { dir: join(lab.folder, 'push') } })
  const rows: Row[] = []
  for (const way of WAYS) rows.push(await compare(lab, fcm.ready, way))
  return rows
}

async function compare(lab: Lab, fcm: FcmAddress, { what, mode, bare }: Way): Promise<Row> {
  const { baseUrl, serviceAccountFile } = fcm
  const proxy = mode && (await proxyTo(lab, fcm, mode))
  const data: Pushes & { baseUrl: string } = {
    baseUrl,
    serviceAccountFile,
    caFile: proxy ? proxy.caFile : fcm.caFile,
    ...(proxy && { proxyUrl: proxy.url }),
    sessions: SESSIONS,
    streams: STREAMS,
  }
  const ours = await sender(lab, 'sender.ts', data)
  const peer = await sender(lab, bare, data)
  await ours.send()
  await peer.send()
  const rates = await alternate(ROUNDS, { ours: ours.send, peer: peer.send })
  return {
    what,
    ours: perSecond(median(rates.ours)),
    against: `${perSecond(median(rates.peer))} ${mode === 'http1' ? 'bare undici' : 'bare node:http2'}`,
    figure: medianRatio(rates.ours, rates.peer),
    floor: { least: 0.7 },
    note: `processor: ${ours.cost()} µs each, bare ${peer.cost()} µs`,
  }
}

async function proxyTo(lab: Lab, { ca, port }: FcmAddress, mode: 'h2' | 'http1'): Promise<ProxyAddress> {
  const { ready } = await lab.child<ProxyAddress>('proxy.ts', {
    data: { dir: join(lab.folder, `proxy-${mode}`), upstreamCa: ca, allowed: [`127.0.0.1:${port}`], mode },
  })
  return ready
}

async function sender(lab: Lab, script: string, data: Pushes) {
  const child = await lab.child(script, { core: 0, data })
  const costs: number[] = []
  return {
    cost: () => Math.round(median(costs.slice(1))),
    async send(): Promise<number> {
      const sends = await child.ask<Sends>({ count: SENDS, seconds: SECONDS } satisfies Distance)
      costs.push(sends.cost)
      return sends.perSecond
    },
  }
}
