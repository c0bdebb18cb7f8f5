import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { until } from '../harness.ts'
import { openBrowser } from './chromium.ts'
import { startMonitorStack } from './monitor-stack.ts'
import { visit } from './visitor.ts'

const COUNT = 120

let stack: Awaited<ReturnType<typeof startMonitorStack>>
let browser: Browser
let page: Page
const complaints: string[] = []

// A page is waited for on a machine that does much else, too.
vi.setConfig({ testTimeout: 90_000 })

beforeAll(async () => {
  ;[stack, browser] = await Promise.all([startMonitorStack(), openBrowser()])
  page = await visit(browser, stack.monitor, stack.operator, complaints)
}, 300_000)
afterAll(async () => {
  await browser?.close()
  await stack?.stop()
}, 60_000)

const table = (name: string) => page.getByRole('table', { name })

describe('the monitor’s page, when not all goes on as it began,', () => {
  it('stops in the middle of all of a filter: what was done stays, the rest is as it was', async () => {
    await stack.sql(
      `insert into outbox (task, queue, payload) select 'test.stopped', 'normal', '{}' from generate_series(1, ${COUNT})`,
    )
    const parked = () =>
      stack.sql(
        `select count(*)::integer n, count(resent_at)::integer resent from task_history where state = 'parked'`,
      )
    await until('all to be put aside', async () => (await parked())[0].n === COUNT, 30_000)
    // A piece that lasts long enough for a person to think again.
    await page.route('**/api/tasks/retry', async route => {
      if (!route.request().postDataJSON().dryRun) await new Promise(done => setTimeout(done, 1_500))
      await route.continue()
    })
    await page.goto('/tasks?state=parked&name=test.stopped')
    await page.getByRole('button', { name: 'Relancer tout le filtre' }).click()
    const dialog = page.locator('dialog[open]')
    await dialog.getByText(`${COUNT} tâche(s) répondent au filtre.`).waitFor()
    await dialog.getByRole('button', { name: 'Le faire' }).click()
    await dialog.getByRole('progressbar').waitFor()
    await dialog.getByText(`50 sur ${COUNT}`).waitFor()
    await dialog.getByRole('button', { name: 'Arrêter' }).click()
    await dialog.getByText('Arrêté à votre demande : 100 tâche(s) faites, le reste est intact.').waitFor()
    await page.unroute('**/api/tasks/retry')
    // Those that were sent are put aside again, nothing else was touched.
    await until('those sent', async () => (await parked())[0].n === COUNT + 100, 30_000)
    expect(await parked()).toEqual([{ n: COUNT + 100, resent: 100 }])
  }, 120_000)

  it('shows without the broker what it can: workers, history, no depths', async () => {
    await page.goto('/queues')
    const row = table('Files').getByRole('row').filter({ hasText: 'normal' })
    await row.getByText(String(COUNT), { exact: true }).waitFor()
    await stack.signal('rabbitmq', 'SIGSTOP')
    try {
      await page.getByText('Le broker (RabbitMQ) ne répond pas').waitFor({ timeout: 20_000 })
      await row.getByText(String(COUNT), { exact: true }).waitFor({ state: 'detached' })
      await page.goto('/parked')
      await page.getByText('Le broker (RabbitMQ) ne répond pas').waitFor({ timeout: 20_000 })
      expect(await page.getByText('Rien n’est mis de côté.').count()).toBe(0)
      await page.goto('/tasks?state=parked')
      await page.getByRole('link', { name: 'test.stopped' }).first().waitFor()
      await page.goto('/workers')
      await page.getByRole('row').filter({ hasText: 'samaconso_worker_1' }).getByText('en ligne').waitFor()
    } finally {
      await stack.signal('rabbitmq', 'SIGCONT')
    }
    await page.goto('/queues')
    await row.getByText(String(COUNT), { exact: true }).waitFor({ timeout: 40_000 })
    await page.getByText('Le broker (RabbitMQ) ne répond pas').waitFor({ state: 'detached' })
  }, 150_000)

  it('shows without the database what it can, and does nothing that it could not record', async () => {
    await stack.signal('pgbouncer', 'SIGSTOP')
    try {
      await page.goto('/tasks')
      await page.getByText('La base de données ne répond pas').waitFor({ timeout: 30_000 })
      await page.goto('/queues')
      await page.getByText('La base de données ne répond pas').waitFor({ timeout: 30_000 })
      const row = table('Files').getByRole('row').filter({ hasText: 'normal' })
      await row.getByText(String(COUNT), { exact: true }).waitFor()
      await page.goto('/workers/samaconso_worker_2')
      await page.getByRole('row').filter({ hasText: 'normal' }).getByRole('button', { name: '+' }).click()
      const dialog = page.locator('dialog[open]')
      await dialog.getByRole('button', { name: 'Confirmer' }).click()
      await dialog.getByText('Rien n’a été fait').waitFor({ timeout: 20_000 })
    } finally {
      await stack.signal('pgbouncer', 'SIGCONT')
    }
    await page.goto('/tasks?state=parked')
    await page.getByRole('link', { name: 'test.stopped' }).first().waitFor({ timeout: 40_000 })
    await page.getByText('La base de données ne répond pas').waitFor({ state: 'detached', timeout: 20_000 })
  }, 150_000)

  it('only shows where it is there to show, also to who acts elsewhere', async () => {
    const { url, process } = await stack.readOnlyMonitor()
    const looking = await visit(browser, url, stack.operator, complaints)
    await looking.goto('/workers/samaconso_worker_2')
    await looking.getByText('Lecture seule').waitFor()
    await looking.getByRole('heading', { name: 'Files et places' }).waitFor()
    expect(await looking.getByRole('button').allTextContents()).toEqual(['English'])
    await looking.goto('/parked')
    await looking.getByText('unknown task test.stopped').waitFor()
    expect(await looking.getByRole('button').allTextContents()).toEqual(['English', 'Voir'])
    const refusal = await looking.evaluate(async () => {
      const answer = await fetch('/api/parked/discard', { method: 'POST' })
      return [answer.status, ((await answer.json()) as { detail: string }).detail]
    })
    expect(refusal).toEqual([403, 'Ce moniteur ne fait que montrer (MONITOR_READ_ONLY).'])
    await looking.context().close()
    process.kill('SIGTERM')
    expect(await process.ends(20_000)).toBe(0)
  }, 240_000)

  it('never asked for what its policy forbids, and threw nothing', () => {
    expect(complaints).toEqual([])
  })
})
