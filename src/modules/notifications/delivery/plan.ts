import type { Tx } from '../../../db/index.ts'
import type { Services } from '../../../services.ts'
import { type Priority, queueOf } from '../../../tasks/index.ts'
import { type Audience, FIRST, walkAudience } from './audience.ts'
import { createDeliveries } from './create.ts'

/** Chunks that wait or are at work at once: enough for every worker, few enough for the queue. */
const WINDOW = 40
/** Chunks of one transaction; the first is short, so that the first push leaves at once. */
const STEP = 20
const FIRST_STEP = 4

interface Plan {
  audience: Audience
  priority: Priority
  startedAt: Date
  through: string | null
  chunks: number
  open: number
}

/**
 * Walks the audience of a running broadcast on from where it was and writes chunks, until enough of them wait or
 * everybody has one; each step and its progress commit together, so a crash resumes and nobody is planned twice. Several
 * may call it at once: one works, the others return.
 */
export async function planBroadcast(services: Services, id: string, requestId?: string): Promise<void> {
  while (await services.db.tx(tx => planStep(tx, services, id, requestId)));
}

/** One batch of chunks; false when there is nothing to plan, now or at all. */
async function planStep(tx: Tx, services: Services, id: string, requestId?: string): Promise<boolean> {
  const [plan] = await tx.query<Plan>(
    `select audience, priority, started_at "startedAt", planned_through through, planned_chunks chunks,
       (select count(*) from deliveries where broadcast_id = b.id and state = 'pending' and devices is null) open
     from broadcasts b where id = $1 and state = 'running' and not planned for update skip locked`,
    [id],
  )
  if (!plan || plan.open > WINDOW - STEP) return false
  const { audience, startedAt } = plan
  const after = plan.through ?? FIRST
  const step = plan.chunks === 0 ? FIRST_STEP : STEP
  const size = services.config.pushChunk
  const walked = await walkAudience(tx, audience, startedAt, { after, size, chunks: step })
  const units = walked.chunks.map((chunk, i) => ({
    broadcastId: id,
    afterCustomer: walked.chunks[i - 1]?.through ?? after,
    throughCustomer: chunk.through,
    size: chunk.size,
    queue: queueOf(plan.priority),
    ...(requestId === undefined ? {} : { requestId }),
  }))
  await createDeliveries(tx, services, units)
  await tx.query(
    `update broadcasts set planned_through = coalesce($2, planned_through), planned_chunks = planned_chunks + $3, planned = $4
     where id = $1`,
    [id, walked.through, units.length, walked.finished],
  )
  return !walked.finished
}
