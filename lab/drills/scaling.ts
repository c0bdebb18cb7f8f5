import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { reloadBalancers } from '../lib/balancers.ts'
import { layoutOf, writeFiles } from '../lib/inventory.ts'
import type { Laboratory } from '../lib/laboratory.ts'
import { applyMachine, inPlace } from '../lib/network.ts'
import { ADDRESSES } from '../lib/places.ts'
import { productServices } from '../lib/product.ts'
import { run } from '../lib/run.ts'
import { type Drill, UNNOTICED, underLoad } from './drill.ts'

const API = 'samaconso_api_3'
const WORKER = 'samaconso_worker_3'
const WORKER_METRICS = 9106
const IN_SERVICE_MS = 20_000

/** What an operator writes in hosts.yml, and where. */
const CHANGES = [
  ['api_instances: 2', 'api_instances: 3'],
  [
    'server3: { address: 192.0.2.13,',
    `server3: { address: 192.0.2.13, worker_processes: [
          { name: samaconso_worker_1, queues: 'urgent,high_priority', metrics: 9101 },
          { name: samaconso_worker_2, queues: 'normal,low_priority', metrics: 9102 },
          { name: ${WORKER}, queues: 'urgent,high_priority,normal,low_priority', metrics: ${WORKER_METRICS} }],`,
  ],
] as const

/** More of the same, by the inventory alone; nothing of it is taken away again, so it is the last drill. */
export const scalingDrills: readonly Drill[] = [
  {
    name: 'third-instance',
    what: 'a third API instance and a third worker by the inventory alone, under load',
    atMostSeconds: 600,
    async run(stage) {
      const { lab } = stage
      const outcome = await underLoad(stage, UNNOTICED, async notes => {
        const startedAt = Date.now()
        await changeInventory(lab)
        await writeFiles(layoutOf(lab.folder))
        // In the order of site.yml: the balancer learns of it last, here even before it runs.
        for (const machine of ['server2', 'server3', 'balancer1'] as const)
          await applyMachine(machine, lab.root(machine))
        await reloadBalancers(lab)
        await startMissing(lab)
        notes.push(`both in service after ${Math.round((Date.now() - startedAt) / 1_000)} s`)
        await pause(IN_SERVICE_MS)
      })
      const [state, answered, sent] = [await stateOf(lab), await answeredBy(lab), await workedBy()]
      if (state !== 'UP') outcome.wrong.push(`the balancer says that ${API} is ${state}`)
      if (answered === 0) outcome.wrong.push(`${API} answered nothing`)
      if (sent === 0) outcome.wrong.push(`${WORKER} did nothing`)
      outcome.notes.push(`${API} answered ${answered} requests, ${WORKER} did ${sent} tasks`)
      return outcome
    },
  },
]

async function changeInventory(lab: Laboratory): Promise<void> {
  const file = join(layoutOf(lab.folder).inventory, 'hosts.yml')
  let text = await readFile(file, 'utf8')
  for (const [before, after] of CHANGES) {
    if (!text.includes(before)) throw new Error(`${file} has no "${before}"`)
    text = text.replace(before, after)
  }
  await writeFile(file, text)
}

/** Starts what the compose files have and nobody started: `samaconso-instance start` on a real machine. */
async function startMissing(lab: Laboratory): Promise<void> {
  const known = new Set(lab.units.supervisor.status().map(({ name }) => name))
  for (const machine of ['server3', 'server2'] as const) {
    const services = await productServices(machine, lab.root(machine), lab.folder)
    await lab.units.add(services.filter(({ name }) => !known.has(name)))
  }
}

const stateOf = (lab: Laboratory): Promise<string> =>
  lab.on('balancer1', ['samaconso-pool', 'state', API]).then(text => text.trim())

/** Sessions that HAProxy gave to it; checks are none. */
async function answeredBy(lab: Laboratory): Promise<number> {
  const text = await lab.on('balancer1', [
    'sh',
    '-c',
    'for socket in $HAPROXY_SOCKETS; do echo "show stat" | socat -t 5 - "UNIX-CONNECT:$socket"; done',
  ])
  const lines = text.split('\n').filter(one => one.startsWith(`samaconso_api,${API},`))
  return lines.reduce((sum, line) => sum + Number(line.split(',')[7] ?? 0), 0)
}

/** Tasks that the worker ended, by what Prometheus reads of it from where it reads. */
async function workedBy(): Promise<number> {
  const url = `http://${ADDRESSES.server3[0]}:${WORKER_METRICS}/metrics`
  const text = await run([...inPlace('server3'), 'curl', '-sf', url])
  return text
    .split('\n')
    .filter(line => line.startsWith('samaconso_tasks_total{'))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}
