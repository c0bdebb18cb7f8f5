import { setTimeout as pause } from 'node:timers/promises'
import type { Lab } from './lab.ts'

/** So slow an FCM keeps a worker in the middle of its chunks. */
const LATENCY_MS = 200
/** Whoever is not halted has finished a unit by then. */
const FINISHED_MS = 3_000
const TRIES = 10

/** Halts a worker at a moment at which it holds units of a broadcast, and leaves it so; those are sent in part. */
export async function haltWhileBusy(lab: Lab, worker: string, broadcastId: string): Promise<void> {
  await lab.world('POST', '/push/behaviour', { outcome: 'ok', latencyMs: LATENCY_MS })
  try {
    for (let tries = 1; tries <= TRIES; tries++) {
      await pause(100 * tries)
      lab.processes.kill(worker, 'SIGSTOP')
      const held = await leased(lab, broadcastId)
      await pause(FINISHED_MS)
      const still = new Set(await leased(lab, broadcastId))
      if (held.some(unit => still.has(unit))) return
      lab.processes.kill(worker, 'SIGCONT')
    }
  } finally {
    await lab.world('POST', '/push/behaviour', { outcome: 'ok' })
  }
  throw new Error(`${worker} was never halted in the middle of a unit.`)
}

async function leased({ db }: Lab, id: string): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    `select id from deliveries where broadcast_id = $1 and state = 'pending' and lease_until > now()`,
    [id],
  )
  return rows.map(row => row.id)
}
