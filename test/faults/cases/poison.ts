import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { enqueue } from '../../../src/tasks/index.ts'
import { until } from '../../harness.ts'
import { type Case, CHUNK, drill, IN_FLIGHT, SLOTS } from '../drill.ts'
import { crashTask, noteTask } from '../tasks.ts'

/** A message is parked after its sixth delivery. */
const DEATHS = 6
const NOTES = 20
const WORKER = 'samaconso_worker_2'

/** A message that kills its worker, among chunks of a broadcast and tasks that are well. */
export const poison: Case = {
  name: 'poison',
  what: 'a message that kills its worker until it is parked, beside healthy ones',
  atMostSeconds: 240,
  async run(lab) {
    const file = join(lab.dir, 'notes.txt')
    await lab.processes.replace(WORKER, program => ({
      ...program,
      command: ['test/faults/deadly-worker.ts', '--notes', file],
    }))
    const before = lab.processes.restarts(WORKER)
    const notes = Array.from({ length: NOTES }, (_, i) => `note ${i}`)
    const written = async () => {
      const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n')
      return notes.filter(note => lines.includes(note)).length
    }
    const parked = async (): Promise<{ id: string; name: string; reason: string }[]> =>
      (await lab.monitor('GET', '/api/parked?kind=task')).items
    return drill(lab, {
      name: 'poison',
      mayRepeat: DEATHS * (SLOTS * CHUNK + IN_FLIGHT),
      async faults({ reached, fault }) {
        await reached(0.2)
        await fault(async () => {
          await lab.db.tx(async tx => {
            await enqueue(
              tx,
              noteTask,
              notes.slice(0, NOTES / 2).map(note => ({ note })),
            )
            await enqueue(tx, crashTask, [{}])
            await enqueue(
              tx,
              noteTask,
              notes.slice(NOTES / 2).map(note => ({ note })),
            )
          })
          await until(
            'the deadly message to be parked',
            async () => (await parked()).some(({ name }) => name === crashTask.name),
            120_000,
          )
        })
        await until('its worker to be back', () => lab.processes.restarts(WORKER) - before >= DEATHS, 30_000)
        const deaths = lab.processes.restarts(WORKER) - before
        if (deaths !== DEATHS) throw new Error(`It killed its worker ${deaths} times, not ${DEATHS}.`)
      },
      async check() {
        // A healthy one may have been put aside with it; a person sends it again.
        const aside = await parked()
        const [deadly, ...more] = aside.filter(({ name }) => name === crashTask.name)
        if (deadly?.reason !== 'delivery_limit' || more.length > 0)
          throw new Error(`Parked: ${JSON.stringify(aside)}`)
        const healthy = aside.filter(({ name }) => name !== crashTask.name).map(({ id }) => id)
        if (healthy.length > 0) await lab.monitor('POST', '/api/parked/replay', { ids: healthy })
        await until('every healthy task to be done', async () => (await written()) === NOTES, 30_000)
        await lab.discardParked([deadly.id])
      },
    })
  },
}
