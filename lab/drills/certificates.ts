import { setTimeout as pause } from 'node:timers/promises'
import { endAt, reload, renewCertificates } from '../lib/certificates.ts'
import type { Laboratory } from '../lib/laboratory.ts'
import { inPlace } from '../lib/network.ts'
import { run } from '../lib/run.ts'
import { type Drill, SHORT_PAUSE, underLoad, until } from './drill.ts'
import { doctor } from './said.ts'

const EXPIRED = [
  { machine: 'server1', name: 'pgbouncer' },
  { machine: 'server2', name: 'rabbitmq' },
] as const
/** Long enough to be put in place, and read by who connects meanwhile. */
const LASTS_MS = 12_000
const AFTER_MS = 8_000
const SEEN_MS = 60_000
const BACK_MS = 100_000

/** Certificates of two servers end while everybody is connected; then processes connect anew. */
export const certificateDrills: readonly Drill[] = [
  {
    name: 'certificate-expired',
    what: "PgBouncer's and RabbitMQ's certificates expire; an API instance and a worker start anew meanwhile",
    atMostSeconds: 600,
    async run(stage) {
      const { lab } = stage
      let missing: string[] = []
      const outcome = await underLoad(stage, SHORT_PAUSE, async notes => {
        const end = new Date(Date.now() + LASTS_MS)
        for (const { machine, name } of EXPIRED) await endAt(lab, machine, name, end)
        await reload(lab, ['Reload PgBouncer', 'Reload the certificate of RabbitMQ'])
        await pause(end.getTime() - Date.now() + AFTER_MS)
        // Those who are connected go on; these two are not any more.
        const restarted = ['samaconso_api_1', 'samaconso_worker_1']
        const before = restarted.map(name => restartsOf(lab, name))
        for (const name of restarted) await lab.units.replace(name)
        missing = await unsaid(lab)
        const renewed = Date.now()
        const told = await renewCertificates(lab)
        notes.push(`deploy/renew-certificates took ${seconds(renewed)} s, and: ${told.join(', ')}`)
        await until('the API and the worker to serve again', BACK_MS, () =>
          restarted.every((name, i) => isUp(lab, name, before[i] ?? 0)),
        )
        notes.push(`the two serve again ${seconds(renewed)} s after it began, and nothing else was restarted`)
      })
      outcome.wrong.push(...missing)
      const still = (await doctor(lab, 'server2')).filter(({ what }) => /périmé/.test(what))
      if (still.length > 0) outcome.wrong.push(`the doctor still says: ${still.map(one => one.what)}`)
      return outcome
    },
  },
]

const seconds = (since: number) => Math.round((Date.now() - since) / 1_000)
const unitOf = (lab: Laboratory, wanted: string) =>
  lab.units.supervisor.status().find(({ name }) => name === wanted)
const restartsOf = (lab: Laboratory, name: string) => unitOf(lab, name)?.restarts ?? 0
const isUp = (lab: Laboratory, name: string, before: number) =>
  unitOf(lab, name)?.state === 'up' && restartsOf(lab, name) > before

/** What should be said while certificates are expired, and is not. */
async function unsaid(lab: Laboratory): Promise<string[]> {
  const wrong: string[] = []
  const found = await doctor(lab, 'server2')
  for (const component of ['postgresql', 'rabbitmq']) {
    const fault = found.find(one => one.component === component && one.state === 'fault')
    if (!fault?.what.includes('périmé') || !fault.remedy?.includes('renew-certificates'))
      wrong.push(`the doctor says of ${component}: ${fault?.what}, ${fault?.remedy}`)
  }
  for (const { machine, name } of EXPIRED) {
    // The timer's: systemd is not here to run it.
    const said = await lab
      .on(machine, ['samaconso-task', 'certificates', 'samaconso-maintenance', 'certificates'])
      .catch((error: Error) => error.message)
    if (!said.includes(`certificate ${name} has expired`)) wrong.push(`${machine} says: ${said}`)
  }
  await until('the alert', SEEN_MS, async () => {
    const raised = await alertsOf()
    return EXPIRED.every(({ name }) => raised.includes(name))
  }).catch((error: Error) => wrong.push(error.message))
  return wrong
}

/** Certificates that Prometheus has an alert for; it waits for an hour before it sends it, and shows it at once. */
async function alertsOf(): Promise<(string | undefined)[]> {
  const text = await run([...inPlace('server3'), 'curl', '-sf', 'http://127.0.0.1:9090/api/v1/alerts'])
  const { data } = JSON.parse(text) as { data: { alerts: { labels: Record<string, string> }[] } }
  return data.alerts
    .filter(({ labels }) => labels.alertname === 'CertificateExpires')
    .map(({ labels }) => labels.certificate)
}
