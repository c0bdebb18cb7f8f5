import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import { freePort } from '../../src/roles/embedded/ports.ts'
import { openBrowser } from '../../test/browser/chromium.ts'
import type { Lab } from '../lib/lab.ts'
import { peakMemory } from '../lib/memory.ts'
import type { Row } from '../lib/table.ts'
import { longestTask } from '../lib/trace.ts'
import type { MonitorData, MonitorJob } from '../processes/monitor.ts'

/** A day of 100 tasks a second, a hundred times as fast: what it keeps is full within the first second. */
const HURRIED = 10_000
const STEPS = 20
const STEP_MS = 3_000
const PER_SECOND = 10_000 / 60
const WATCHED_MS = 30_000
const PASSWORD = randomBytes(12).toString('hex')

/** The task monitor: what a day costs it in memory, and what ten thousand tasks a minute cost its page. */
export async function monitor(lab: Lab): Promise<Row[]> {
  const database = await lab.database('monitor', 10)
  const port = await freePort()
  const data: MonitorData = {
    env: lab.env(database, { MONITOR_PORT: String(port), MONITOR_PASSWORD: PASSWORD }),
    logFile: join(lab.folder, 'monitor.log'),
  }
  const child = await lab.child<{ port: number }>('monitor.ts', { data })
  const ask = (job: MonitorJob) => child.ask<number>(job)
  const origin = `http://127.0.0.1:${port}`

  const peaks: number[] = []
  await ask({ kind: 'live', perSecond: HURRIED, isKept: false })
  for (let step = 0; step < STEPS; step++) {
    await pause(STEP_MS)
    await looksAt(origin)
    peaks.push((await peakMemory(child.pid)) ?? Number.NaN)
  }
  const told = await ask({ kind: 'rest' })
  const half = peaks[STEPS / 2 - 1] ?? Number.NaN
  const last = peaks.at(-1) ?? Number.NaN

  const browser = await openBrowser()
  lab.onEnd(() => browser.close())
  const page = await browser.newPage({
    baseURL: origin,
    httpCredentials: { username: 'admin', password: PASSWORD },
  })
  await ask({ kind: 'live', perSecond: PER_SECOND, isKept: true })
  const seen = await watch(page)
  await ask({ kind: 'rest' })
  return [
    {
      what: 'memory of the monitor over a day of 100 tasks a second, a hundred times as fast',
      ours: `${last} MB at most`,
      against: 'the limit, in MB',
      figure: last,
      floor: { most: 300 },
      note: `${told.toLocaleString('en')} tasks, looked at every ${STEP_MS / 1_000} s`,
    },
    {
      what: 'what the second half of them adds to that',
      ours: `${last} MB`,
      against: `${half} MB after the first half`,
      figure: last / half,
      floor: { most: 1.1 },
    },
    {
      what: 'the longest that the list of tasks keeps its page from drawing, at 10,000 tasks a minute',
      ours: `${seen.longestMs.toFixed(1)} ms`,
      against: 'the limit, in ms',
      figure: seen.longestMs,
      floor: { most: 50 },
      note: `Chromium's trace of ${WATCHED_MS / 1_000} s with scrolling: ${seen.tasks} tasks of its main thread; ${seen.changes} changes of the list`,
    },
  ]
}

async function looksAt(origin: string): Promise<void> {
  const authorization = `Basic ${Buffer.from(`admin:${PASSWORD}`).toString('base64')}`
  for (const path of ['/api/tasks?limit=500', '/api/queues', '/api/queues/history', '/metrics']) {
    const answer = await fetch(origin + path, { headers: { authorization } })
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}`)
    await answer.arrayBuffer()
  }
}

/** Looks at the live list for a while as a person does, and reads it in Chromium's own trace. */
async function watch(page: Page) {
  await page.goto('/tasks')
  await page.getByRole('link', { name: 'notifications.deliver' }).first().waitFor()
  const newest = () => page.getByRole('row').nth(1).innerHTML()
  const browser = page.context().browser()
  await browser?.startTracing(page, {
    categories: ['toplevel', 'devtools.timeline', 'disabled-by-default-devtools.timeline', '__metadata'],
  })
  const until = performance.now() + WATCHED_MS
  let changes = 0
  let before = ''
  await page.getByRole('region', { name: /Tâches|Tasks/ }).hover()
  while (performance.now() < until) {
    const now = await newest()
    if (now !== before) changes++
    before = now
    await page.mouse.wheel(0, changes % 2 === 0 ? 400 : -400)
    await page.waitForTimeout(500)
  }
  const trace = await browser?.stopTracing()
  return { ...longestTask(JSON.parse(String(trace))), changes }
}
