import type { Services } from '../../services.ts'
import {
  expireBroadcast,
  expireParked,
  planBroadcast,
  releaseUnits,
  settleBroadcast,
} from '../notifications/index.ts'
import { lockBroadcast, selectDue, selectOpen, selectOverdue } from './sql.ts'
import { start } from './start.ts'

const MOST = 50
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000'

/**
 * What brings broadcasts on without anybody asking, for the scheduler every second or two: starts those whose time has
 * come, goes on where a planner died or a pace allows more, ends what is accounted for, and gives up what waited beyond
 * its time. Several may do it at once.
 */
export async function sweepBroadcasts(services: Services): Promise<void> {
  const faults: unknown[] = []
  /** One that cannot go on does not hold up the others. */
  const each = async <Item>(items: readonly Item[], work: (item: Item) => Promise<unknown>) => {
    for (const item of items) await work(item).catch(error => faults.push(error))
  }
  const now = services.clock.now()
  await each(await selectDue(services.db, new Date(now), MOST), id => startDue(services, id))
  await each(await selectOverdue(services.db, new Date(now), MOST), async ({ id, state, stopReason }) => {
    const fault = state === 'stopped' ? stopReason : null
    await services.db.tx(tx => expireBroadcast(tx, services, id, fault))
    await settleBroadcast(services, id)
  })
  let after: string | undefined = BEFORE_ALL
  while (after !== undefined) {
    const open = await selectOpen(services.db, after, MOST)
    await each(open, ({ id, state, expiresAt }) => bringOn(services, id, state, expiresAt.getTime() <= now))
    after = open.length === MOST ? open.at(-1)?.id : undefined
  }
  if (faults.length > 0) throw new AggregateError(faults, 'Some broadcasts could not go on.')
}

/** Whoever holds the row starts it; who comes at the same time finds it taken, and later running. */
function startDue(services: Services, id: string): Promise<void> {
  return services.db.tx(async tx => {
    const row = await lockBroadcast(tx, id, 'scheduled')
    if (row) await start(tx, services, row)
  })
}

async function bringOn(services: Services, id: string, state: string, isOver: boolean): Promise<void> {
  if (state === 'running') {
    await releaseUnits(services, id)
    await planBroadcast(services, id)
  }
  if (isOver) await expireParked(services, id)
  await settleBroadcast(services, id)
}
