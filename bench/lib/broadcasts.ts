import type { Measured } from '../processes/generator.ts'
import { type Product, until } from './product.ts'
import type { Row } from './table.ts'

/** Tokens of who writes a broadcast, and of who approves it. */
export interface Staff {
  author: string
  approver: string
}

export interface Sent {
  /** From the moment that it was accepted, by the second member of staff where one is needed, to its end. */
  seconds: number
  /** ms of the slowest request that the acceptance took. */
  acceptedMs: number
  counts: Record<string, number>
}

interface Broadcast {
  id: string
  state: string
  counts: Record<string, number>
}

export const WORDS = {
  fr: { title: 'Coupure prévue demain', body: 'Des travaux auront lieu de 9 h à 12 h.' },
}

/** Sends to an audience and waits for the end. */
export async function sendToAll(
  call: Product['call'],
  staff: Staff,
  audience: object,
  longestMs: number,
  everyMs = 250,
): Promise<Sent> {
  const asked = performance.now()
  const { id, state } = await call<Broadcast>('POST', '/v1/admin/broadcasts', staff.author, {
    audience,
    content: WORDS,
  })
  const writtenMs = performance.now() - asked
  const path = `/v1/admin/broadcasts/${id}`
  const startedAt = performance.now()
  if (state === 'awaiting-approval') await call('POST', `${path}/approve`, staff.approver, {})
  const approvedMs = performance.now() - startedAt
  const done = await until(
    async () => {
      const now = await call<Broadcast>('GET', path, staff.author)
      return ['done', 'stopped', 'cancelled'].includes(now.state) ? now : null
    },
    longestMs,
    everyMs,
  )
  if (done.state !== 'done')
    throw new Error(`The broadcast ended ${done.state}: ${JSON.stringify(done.counts)}`)
  return {
    seconds: (performance.now() - startedAt) / 1_000,
    acceptedMs: Math.max(writtenMs, approvedMs),
    counts: done.counts,
  }
}

/** Every device with an outcome. */
export const accounted = ({ devices: _, pending: __, ...outcomes }: Record<string, number>): number =>
  Object.values(outcomes).reduce((sum, count) => sum + count, 0)

/** What those feel who have nothing to do with it. */
export const patience = (what: string, others: Measured): Row => ({
  what: `${what}: p99 of unrelated GETs meanwhile, ms`,
  ours: `${others.p99.toFixed(1)} ms`,
  against: `50 on schedule each second, ${others.failed} of ${others.answered} failed`,
  figure: others.failed > 0 ? null : others.p99,
  floor: { most: 100 },
  note: `median ${others.p50.toFixed(1)} ms, longest ${others.max.toFixed(0)} ms`,
})
