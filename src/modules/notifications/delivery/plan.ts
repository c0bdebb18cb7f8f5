import type { Tx } from '../../../db/index.ts'
import type { Services } from '../../../services.ts'
import { type Priority, queueOf } from '../../../tasks/index.ts'
import { type Audience, FIRST, type Walked, walkAudience } from './audience.ts'
import { createDeliveries } from './create.ts'
import { SLACK_MS, stepOf, tempoOf, waitOf } from './tempo.ts'
import type { NewUnit } from './units-sql.ts'

/** Chunks that wait or are at work at once: enough for every worker, few enough for the queue. */
const WINDOW = 40
/** Chunks of one transaction; the first is short, so that the first push leaves at once. */
const STEP = 20
const FIRST_STEP = 4
/** With more chunks than this waiting or at work nothing is planned; of a broadcast that is paced there are never so many. */
export const ENOUGH_PLANNED = WINDOW - STEP

interface Plan {
  audience: Audience
  priority: Priority
  startedAt: Date
  through: string | null
  chunks: number
  before: number
  devices: number
  rate: number | null
  rampFrom: Date | null
  pacedUntil: Date | null
  open: number
  openDevices: number
}

/** What a step found: there is more to plan at once, in so many ms, when chunks are done, or nothing (for this caller). */
type Next = 'more' | number | 'enough' | null

/**
 * Walks the audience of a running broadcast on from where it was and writes chunks, until enough of them wait, its pace
 * allows no more, or everybody has one; each step and its progress commit together, so a crash resumes and nobody is
 * planned twice. Several may call it at once, in any process: one works, the others return. Gives the ms after which its
 * pace allows more, `enough` when chunks must be done first, and null when there is nothing left to plan, or not by this
 * caller.
 */
export async function planBroadcast(
  services: Services,
  id: string,
  requestId?: string,
): Promise<number | 'enough' | null> {
  for (;;) {
    const next = await services.db.tx(tx => planStep(tx, services, id, requestId))
    if (next !== 'more') return next
  }
}

async function planStep(tx: Tx, services: Services, id: string, requestId?: string): Promise<Next> {
  const plan = await lockPlan(tx, id)
  if (!plan) return null
  const { config, clock } = services
  const now = clock.now()
  const rampFrom = (plan.rampFrom ?? plan.startedAt).getTime()
  const tempo = tempoOf({ ...plan, rampFrom }, now, config)
  const from = Math.max(plan.pacedUntil?.getTime() ?? 0, now - SLACK_MS)
  let step = { size: config.pushChunk, chunks: plan.chunks === 0 ? FIRST_STEP : STEP }
  if (tempo === null) {
    if (plan.open > ENOUGH_PLANNED) return 'enough'
  } else {
    const wait = waitOf(tempo, from, plan.openDevices, now)
    if (wait > 0) return wait
    step = stepOf(tempo, { size: config.pushChunk, chunks: STEP })
  }
  const walked = await walkAudience(tx, plan.audience, plan.startedAt, {
    after: plan.through ?? FIRST,
    ...step,
  })
  const planned = walked.chunks.reduce((sum, { size }) => sum + size, 0)
  await createDeliveries(tx, services, unitsOf(id, plan, walked, requestId))
  await tx.query(
    `update broadcasts set planned_through = coalesce($2, planned_through), planned_chunks = planned_chunks + $3,
       planned_devices = planned_devices + $4, planned = $5, paced_until = $6
     where id = $1`,
    [
      id,
      walked.through,
      walked.chunks.length,
      planned,
      walked.finished,
      tempo === null ? null : new Date(from + (planned / tempo) * 1_000),
    ],
  )
  return walked.finished ? null : 'more'
}

async function lockPlan(tx: Tx, id: string): Promise<Plan | undefined> {
  const [plan] = await tx.query<Plan>(
    `select audience, priority, started_at "startedAt", planned_through through, planned_chunks chunks,
       planned_devices before, devices, rate_per_second rate, ramp_from "rampFrom", paced_until "pacedUntil", waiting.*
     from broadcasts b cross join lateral (
       select count(*) open, coalesce(sum(size), 0) "openDevices"
       from deliveries where broadcast_id = b.id and state = 'pending' and devices is null
     ) waiting
     where id = $1 and state = 'running' and not planned for update of b skip locked`,
    [id],
  )
  return plan
}

function unitsOf(id: string, plan: Plan, { chunks }: Walked, requestId: string | undefined): NewUnit[] {
  let position = plan.before
  return chunks.map((chunk, i) => {
    const unit = {
      broadcastId: id,
      afterCustomer: chunks[i - 1]?.through ?? plan.through ?? FIRST,
      throughCustomer: chunk.through,
      size: chunk.size,
      position,
      queue: queueOf(plan.priority),
      ...(requestId === undefined ? {} : { requestId }),
    }
    position += chunk.size
    return unit
  })
}
