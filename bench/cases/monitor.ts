import { setTimeout as pause } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import { freePort } from '../../src/roles/embedded/ports.ts'
import { openBrowser } from '../../test/browser/chromium.ts'
import type { Lab } from '../lib/lab.ts'
import { peakMemory } from '../lib/memory.ts'
import { type Production, startProduction } from '../lib/production.ts'
import type { Row } from '../lib/table.ts'
import { longestTask } from '../lib/trace.ts'
import type { WorkersData, WorkersJob } from '../processes/workers.ts'

/** 100 tasks a second, a hundred times as fast: what it keeps of tasks is full within the first second. */
const HURRIED = 10_000
/** `BENCH_WHOLE_DAY=1`: all 8,640,000 tasks of a day, in 15 minutes; else those of its first minute. */
const STEPS = process.env.BENCH_WHOLE_DAY === '1' ? 288 : 20
const STEP_MS = 3_000
const PER_SECOND = 10_000 / 60
const WATCHED_MS = 30_000
/** What a search looks through at most, and a history around it: most of it succeeded, and has no arguments. */
const SEARCHED = 100_000
const SUCCEEDED = 400_000
const SEARCHES = 9

/** The task monitor: what a day costs it in memory, a search in time, and ten thousand tasks a minute its page. */
export async function monitor(lab: Lab): Promise<Row[]> {
  const production = await startProduction(lab, 'monitor')
  const { env, databaseUrl } = production
  const port = await freePort()
  await production.add(roles => roles.monitor('monitor', port))
  const pid = production.pids().monitor as number
  const data: WorkersData = { redisUrl: env.REDIS_URL as string, databaseUrl }
  const workers = await lab.child<object>('workers.ts', { data })
  const tell = (job: WorkersJob) => workers.ask<number>(job)
  const origin = `http://127.0.0.1:${port}`
  const password = env.MONITOR_PASSWORD as string
  const ask = askerOf(origin, password)

  const peaks: number[] = []
  await tell({ kind: 'work', perSecond: HURRIED, isKept: false })
  for (let step = 0; step < STEPS; step++) {
    await pause(STEP_MS)
    await looksAt(ask)
    peaks.push((await peakMemory(pid)) ?? Number.NaN)
  }
  const told = await tell({ kind: 'rest' })
  const half = peaks[STEPS / 2 - 1] ?? Number.NaN
  const last = peaks.at(-1) ?? Number.NaN

  const searches = await search(production, ask)

  const browser = await openBrowser()
  lab.onEnd(() => browser.close())
  const page = await browser.newPage({
    baseURL: origin,
    httpCredentials: { username: 'admin', password },
  })
  await tell({ kind: 'work', perSecond: PER_SECOND, isKept: true })
  const seen = await watch(page)
  await tell({ kind: 'rest' })
  return [
    {
      what: 'memory of the monitor with 100 tasks a second, a hundred times as fast',
      ours: `${last} MB at most`,
      against: 'the limit, in MB',
      figure: last,
      floor: { most: 300 },
      note: `${told.toLocaleString('en')} tasks of other processes, looked at every ${STEP_MS / 1_000} s`,
    },
    {
      what: 'what the second half of them adds to that',
      ours: `${last} MB`,
      against: `${half} MB after the first half`,
      figure: last / half,
      floor: { most: 1.1 },
    },
    {
      what: 'a search in the arguments of 100,000 tasks, until the answer is there',
      ours: `${searches.slowestMs.toFixed(0)} ms at most`,
      against: 'the limit, in ms',
      figure: searches.slowestMs,
      floor: { most: 1_000 },
      note: `${SEARCHES} times a text that one of them has, as often one that none has; ${SUCCEEDED.toLocaleString('en')} that succeeded beside them`,
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

type Ask = (path: string) => Promise<string>

const askerOf = (origin: string, password: string): Ask => {
  const authorization = `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`
  return async path => {
    const answer = await fetch(origin + path, { headers: { authorization } })
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}`)
    return answer.text()
  }
}

async function looksAt(ask: Ask): Promise<void> {
  for (const path of ['/api/tasks?limit=500', '/api/queues', '/api/queues/history', '/metrics'])
    await ask(path)
}

/** Fills the history, then looks for what the oldest of those that are searched has, and for what none has. */
async function search({ db }: Production, ask: Ask): Promise<{ slowestMs: number }> {
  await db.query('delete from task_history')
  // Over the same time, and none at the same millisecond: their ids are made of it.
  for (const [state, count, everyMs, offsetMs] of [
    ['succeeded', SUCCEEDED, 5, 0],
    ['parked', SEARCHED, 20, 2],
  ] as const) {
    await db.query(
      `insert into task_history (id, task_id, task, queue, worker, state, attempt, queued_at, started_at, finished_at,
         run_ms, wait_ms, error, payload)
       select uuid_at(at), gen_random_uuid(), 'notifications.deliver', 'normal', 'samaconso_worker_1', $1, 1, at, at, at,
         40, 5, case when $1 = 'parked' then 'FCM did not answer in time' end,
         case when $1 = 'parked' then jsonb_build_object('deliveryId', gen_random_uuid(), 'number', 'n-' || n) end
       from (select n, date_trunc('minute', now()) - interval '1 hour' + (n * $3::integer + $4::integer) * interval '1 ms' as at
             from generate_series(1, $2::integer) n) each`,
      [state, count, everyMs, offsetMs],
    )
  }
  await db.query('analyze task_history')
  let slowestMs = 0
  for (let i = 1; i <= SEARCHES; i++) {
    for (const [text, wanted] of [
      [`n-${i * 10_000}"`, 1],
      [`n-nowhere-${i}`, 0],
    ] as const) {
      const startedAt = performance.now()
      const { items } = JSON.parse(await ask(`/api/tasks?search=${encodeURIComponent(text)}`)) as {
        items: unknown[]
      }
      slowestMs = Math.max(slowestMs, performance.now() - startedAt)
      if (items.length !== wanted) throw new Error(`${text} was found ${items.length} times`)
    }
  }
  await db.query('delete from task_history')
  return { slowestMs }
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
