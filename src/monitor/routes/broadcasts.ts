import type { App } from '../../http/fastify.ts'
import { Broadcasts, Due } from '../answers/broadcasts.ts'
import type { Desk } from '../desk.ts'
import { readWaiting } from '../history-sql.ts'
import { viewAttempt } from '../views.ts'

const MOST_WAITING = 200

/** Broadcasts under way and of late, and what waits for its time. */
export function broadcastRoutes(app: App, desk: Desk): void {
  const { db, clock } = desk

  app.get('/api/broadcasts', { schema: { response: { 200: Broadcasts } } }, async () => {
    const seen = await desk.hear('broadcasts', () => desk.broadcasts(db, clock.now()))
    return { items: seen.value ?? [], database: seen.state }
  })

  app.get('/api/due', { schema: { response: { 200: Due } } }, async () => {
    const [broadcasts, tasks, deliveries, depths] = await Promise.all([
      desk.hear('broadcasts', () => desk.broadcasts(db, clock.now())),
      desk.hear('retries', () => readWaiting(db, {}, MOST_WAITING)),
      desk.hear('deliveries', () => desk.deliveries.due(db, clock.now())),
      desk.hear('broker', () => desk.broker.depths()),
    ])
    return {
      broadcasts: (broadcasts.value ?? []).filter(({ state }) => WAITING.includes(state)),
      // Their last attempt failed; the broker has the message of the next one.
      tasks: tasks.value?.map(viewAttempt) ?? [],
      deliveries: deliveries.value ?? [],
      delayed: depths.value?.map(({ queue, delayed }) => ({ queue, delayed })) ?? [],
      broker: depths.state,
      database: tasks.state,
    }
  })
}

const WAITING = ['scheduled', 'awaiting-approval', 'paused']
