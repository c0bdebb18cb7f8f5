import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { cloneDatabase } from '../../test/databases.ts'
import { newId } from '../lib/id.ts'
import { type Period, report } from './report.ts'

let folder: string
let clone: Awaited<ReturnType<typeof cloneDatabase>>
/** Prometheus itself is for the laboratory; here its answers are given, to see what is made of them. */
let prometheus: Server
let answers: Record<string, string> = {}
let url: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'samaconso-report-'))
  clone = await cloneDatabase()
  prometheus = createServer((request, response) => {
    const query = new URL(request.url ?? '', 'http://x').searchParams.get('query') ?? ''
    const found = Object.entries(answers).find(([part]) => query.includes(part))
    const result = found ? [{ metric: {}, value: [0, found[1]] }] : []
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ status: 'success', data: { resultType: 'vector', result } }))
  })
  await new Promise<void>(done => prometheus.listen(0, '127.0.0.1', done))
  url = `http://127.0.0.1:${(prometheus.address() as { port: number }).port}`
})
afterAll(async () => {
  await new Promise(done => prometheus.close(done))
  prometheus.closeAllConnections()
  await clone.drop()
  await rm(folder, { recursive: true, force: true })
})

async function run(
  sources: { prometheusUrl?: string; backupStatusFile?: string } = {},
  period: Period = 'day',
) {
  const targets = await report({ db: clone.db, prometheusUrl: '', backupStatusFile: '', ...sources }, period)
  return Object.fromEntries(targets.map(target => [target.name.en, target]))
}

it('says what was not measured, and why', async () => {
  const targets = await run()
  expect(targets.Availability).toMatchObject({
    measured: null,
    met: null,
    source: { en: 'PROMETHEUS_URL is empty' },
  })
  expect(targets['Notifications delivered']).toMatchObject({ measured: null, met: null })
  expect((await run({ prometheusUrl: url })).Availability).toMatchObject({ measured: null, met: null })
  expect((await run({ prometheusUrl: 'http://127.0.0.1:26' })).Availability?.measured).toBeNull()
})

it('measures deliveries in the database, of the period alone', async () => {
  const insert = (sent: number, refused: number, suppressed: number, age: string) =>
    clone.db.query(
      `insert into deliveries (id, notification_id, queue, state, sent, refused, suppressed, finished_at)
       values ($1, $1, 'normal', 'done', $2, $3, $4, now() - $5::interval)`,
      [newId(Date.now() - (age === '3 days' ? 3 * 86_400_000 : 0)), sent, refused, suppressed, age],
    )
  await insert(97, 3, 50, '1 hour')
  expect((await run())['Notifications delivered']).toMatchObject({ measured: '97.00 %', met: true })
  await insert(0, 100, 0, '3 days')
  expect((await run())['Notifications delivered']).toMatchObject({ measured: '97.00 %' })
  expect((await run({}, 'week'))['Notifications delivered']).toMatchObject({
    measured: '48.50 %',
    met: false,
  })
})

it('takes the rest from Prometheus, against what is wanted', async () => {
  answers = { 'up{': '99.95', histogram_quantile: '612.3', 'status=~"5': '0.01' }
  const targets = await run({ prometheusUrl: url })
  expect(targets.Availability).toMatchObject({ measured: '99.950 %', met: true })
  expect(targets['Response time (p99)']).toMatchObject({ measured: '612 ms', met: false })
  expect(targets['HTTP errors (5xx)']).toMatchObject({ measured: '0.010 %', met: true })
})

it('tells of the last backup', async () => {
  const file = join(folder, 'backup.json')
  const write = (finishedAt: number, ok = true) =>
    writeFile(file, JSON.stringify({ finishedAt: new Date(finishedAt).toISOString(), ok, bytes: 1 }))
  await write(Date.now() - 3_600_000)
  expect((await run({ backupStatusFile: file }))['Last backup']).toMatchObject({
    measured: '1.0 h',
    met: true,
  })
  await write(Date.now() - 3_600_000, false)
  expect((await run({ backupStatusFile: file }))['Last backup']?.met).toBe(false)
  await write(Date.now() - 30 * 3_600_000)
  expect((await run({ backupStatusFile: file }))['Last backup']?.met).toBe(false)
  expect((await run({ backupStatusFile: join(folder, 'none') }))['Last backup']?.met).toBe(false)
})
