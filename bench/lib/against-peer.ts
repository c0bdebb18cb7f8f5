import type { Answered } from '../processes/peer.ts'
import type { Lab, Server } from './lab.ts'
import { alternate, median, medianRatio } from './rounds.ts'
import { perSecond, type Row } from './table.ts'

const CONNECTIONS = 64
const ROUNDS = 13
const SECONDS = 1
/** Until the compiler is through with what is measured. */
const WARM_UP = 4

export interface Contender {
  what: string
  server: Server
  request: string
  floor: number
}

/** Requests per second of each contender against bare node:http sending the same bytes, in turn, in short rounds. */
export async function againstPeer(lab: Lab, contenders: readonly Contender[]): Promise<Row[]> {
  const [first] = contenders
  if (!first) return []
  const answered = await answerOf(first)
  const peer = { what: 'peer', server: await lab.peer(answered), request: first.request }
  const all = [peer, ...contenders].map(contender => ({ ...contender, ...meter(lab, contender) }))
  for (const { flood } of all) await flood(WARM_UP)
  const rates = await alternate(
    ROUNDS,
    Object.fromEntries(all.map(({ what, flood }) => [what, () => flood(SECONDS)])),
  )
  const ratesOf = (name: string) => rates[name] ?? []
  const [bare, ...measured] = all
  return measured.map(({ what, costs }, i) => ({
    what,
    ours: perSecond(median(ratesOf(what))),
    against: `${perSecond(median(ratesOf('peer')))} bare node:http, ${Buffer.byteLength(answered.body)} B`,
    figure: medianRatio(ratesOf(what), ratesOf('peer')),
    floor: { least: contenders[i]?.floor ?? 0 },
    note: `processor: ${costs.server()} µs each, peer ${bare?.costs.server()} µs; generator ${bare?.costs.generator()} % busy with the peer`,
  }))
}

/** Rounds of load on one server, and what they cost both ends: the generator is not to be the limit. */
function meter(lab: Lab, { server, request }: { server: Server; request: string }) {
  const microseconds: number[] = []
  const generatorBusy: number[] = []
  return {
    costs: {
      server: () => Math.round(median(microseconds.slice(1))),
      generator: () => Math.round(median(generatorBusy.slice(1)) * 100),
    },
    async flood(seconds: number): Promise<number> {
      const before = await server.cpu()
      const measured = await lab.load({
        kind: 'flood',
        port: server.port,
        connections: CONNECTIONS,
        seconds,
        requests: [request],
      })
      microseconds.push((((await server.cpu()) - before) * 1_000) / measured.answered)
      generatorBusy.push(measured.busy)
      return measured.perSecond
    },
  }
}

/** What the product answers, for the peer to repeat. */
async function answerOf({ server, request }: Contender): Promise<Answered> {
  const [, path = '/'] = request.split(' ')
  const authorization = /^authorization: (.*)\r$/m.exec(request)?.[1]
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, {
    headers: authorization ? { authorization } : {},
  })
  const body = await response.text()
  if (response.status !== 200) throw new Error(`${path}: ${response.status} ${body}`)
  return { status: 200, contentType: response.headers.get('content-type') ?? '', body }
}
