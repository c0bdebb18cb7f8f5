import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { until } from '../harness.ts'
import { axeFaults, openBrowser } from './chromium.ts'
import { startMonitorStack } from './monitor-stack.ts'
import { visit } from './visitor.ts'

const WORKER = 'worker_9'
/** Longer than a test looks at a push that is under way. */
const SLOW_PUSH_MS = 8_000

let stack: Awaited<ReturnType<typeof startMonitorStack>>
let browser: Browser
let page: Page
let token: string
const complaints: string[] = []

const dialog = () => page.locator('dialog[open]')
const confirm = () => dialog().getByRole('button', { name: 'Confirmer' }).click()
const close = () => dialog().getByRole('button', { name: 'Fermer' }).click()
const audited = (action: string) =>
  stack.sql(`select object_id "on", detail from audit where action = '${action}' order by id`)

// A page is waited for on a machine that does much else, too.
vi.setConfig({ testTimeout: 90_000 })

beforeAll(async () => {
  ;[stack, browser] = await Promise.all([startMonitorStack(), openBrowser()])
  await stack.seed(20)
  page = await visit(browser, stack.monitor, stack.operator, complaints)
  token = await stack.signIn()
}, 300_000)
afterAll(async () => {
  await browser?.close()
  await stack?.stop()
}, 60_000)

/** Pushes that stay under way, one for each of so many customers. */
async function pushSlowly(count: number): Promise<void> {
  await stack.fcm({ outcome: 'ok', share: 1, latencyMs: SLOW_PUSH_MS })
  const customers = await stack.sql(`select distinct customer_id id from devices limit ${count}`)
  for (const { id } of customers) {
    const content = { fr: { title: 'Bonjour', body: 'Un essai' } }
    await stack.api('POST', '/v1/admin/notifications', { customerId: id, content }, token)
  }
}

async function noneUnderWay(): Promise<void> {
  await stack.fcm({ outcome: 'ok', share: 1, latencyMs: 0 })
  await page.goto('/tasks?state=started')
  await page.getByText('Rien à montrer.').waitFor({ timeout: 40_000 })
}

describe('who may act, on the monitor’s page,', () => {
  it('steers one worker: more and fewer slots, another queue, that queue no more, the end', async () => {
    const worker = stack.own(['worker', '--queues', 'low_priority', '--concurrency', '2', '--name', WORKER])
    await page.goto(`/workers`)
    await page.getByRole('link', { name: WORKER }).click({ timeout: 90_000 })
    const pool = page.getByRole('table', { name: 'Files et places' })
    const row = (queue: string) => pool.getByRole('row').filter({ hasText: queue })

    await row('low_priority').getByRole('button', { name: '+', exact: true }).click()
    await dialog().getByLabel('Combien').fill('3')
    expect(await axeFaults(page)).toEqual([])
    await confirm()
    await dialog().getByText('Le worker a répondu. Ses places : low_priority 5.').waitFor()
    await close()
    await row('low_priority').getByRole('cell', { name: '5', exact: true }).waitFor()

    await row('low_priority').getByRole('button', { name: '−', exact: true }).click()
    await confirm()
    await dialog().getByText('low_priority 4.').waitFor()
    await close()

    await page.getByRole('button', { name: 'Prendre une file' }).click()
    await dialog().getByLabel('File').selectOption('urgent')
    await confirm()
    await dialog().getByText('low_priority 4, urgent 1.').waitFor()
    await close()
    await row('urgent').waitFor()

    await row('urgent').getByRole('button', { name: 'Quitter la file' }).click()
    await confirm()
    await dialog().getByText('Ses places : low_priority 4.').waitFor()
    await close()
    await row('urgent').waitFor({ state: 'detached' })

    await page.getByRole('button', { name: 'Arrêter', exact: true }).click()
    await confirm()
    await dialog().getByText('il finit ce qu’il tient, puis s’arrête').waitFor()
    await close()
    expect(await worker.ends(20_000)).toBe(0)
    await page.getByRole('heading', { level: 1 }).locator('..').getByText('terminé').waitFor()
    for (const action of ['grow', 'shrink', 'add-consumer', 'cancel-consumer', 'shutdown']) {
      expect([action, await audited(`worker.${action}`)]).toMatchObject([action, [{ on: WORKER }]])
    }
  }, 180_000)

  it('reads a worker’s limits and settings, and no secret', async () => {
    await page.goto('/workers/samaconso_worker_1')
    await page.getByRole('table', { name: 'Limites' }).getByText('notifications.deliver').waitFor()
    await page.getByText('Configuration (').click()
    const settings = page.getByRole('table', { name: 'Configuration' })
    const setting = (name: string) => settings.getByRole('row').filter({ hasText: name })
    await setting('INSTANCE').getByText('samaconso_worker_1').waitFor()
    await setting('DATABASE_URL').getByText('secret, donné').waitFor()
    expect(await page.content()).not.toMatch(/postgres:\/\/|PRIVATE KEY/)
    expect(await axeFaults(page)).toEqual([])
  })

  it('ends a task that is under way, which says by whom', async () => {
    await pushSlowly(1)
    await page.goto('/tasks?state=started')
    await page.getByRole('link', { name: 'notifications.deliver' }).first().click({ timeout: 20_000 })
    await page.waitForURL(/\/tasks\/[0-9a-f-]{36}$/)
    const id = page.url().slice(-36)
    await page.getByRole('button', { name: 'Interrompre' }).click()
    await confirm()
    await dialog().getByText('Interrompue.').waitFor()
    await close()
    await page.getByText('révoquée (monitor:admin)').waitFor()
    expect(await audited('task.terminate')).toMatchObject([{ on: id }])
  }, 120_000)

  it('revokes all that a filter matches, after counting it', async () => {
    await noneUnderWay()
    await pushSlowly(3)
    await page.goto('/tasks?state=started&name=notifications.deliver')
    await expect
      .poll(() => page.getByRole('link', { name: 'notifications.deliver' }).count(), { timeout: 20_000 })
      .toBe(3)
    await page.getByRole('button', { name: 'Révoquer tout le filtre' }).click()
    await dialog().getByText('3 tâche(s) répondent au filtre.').waitFor()
    expect(await axeFaults(page)).toEqual([])
    await dialog().getByRole('button', { name: 'Le faire' }).click()
    await dialog().getByText('Terminé : 3 tâche(s).').waitFor()
    await close()
    const revoked = await stack.sql(
      `select count(*)::integer n from task_revocations where revoked_by = 'monitor:admin'`,
    )
    // The one that was ended before is remembered too.
    expect(revoked).toEqual([{ n: 4 }])
    await noneUnderWay()
  }, 120_000)

  it('finds by what the arguments hold, and has the filter in the address', async () => {
    await stack.sql(
      `insert into outbox (task, queue, payload) values ('billing.remind', 'normal', '{"invoice": "F-2026-0042"}')`,
    )
    await page.goto('/tasks')
    const field = page.getByLabel('Recherche')
    await field.fill('F-2026-0042')
    await field.press('Enter')
    await page.waitForURL(/search=F-2026-0042/)
    await page.getByRole('link', { name: 'billing.remind' }).waitFor({ timeout: 20_000 })
    expect(await page.getByRole('link', { name: 'notifications.deliver' }).count()).toBe(0)
    await page.reload()
    await page.getByRole('link', { name: 'billing.remind' }).waitFor()
    expect(await page.getByLabel('Recherche').inputValue()).toBe('F-2026-0042')
  }, 60_000)

  it('sends one task again, and both its attempts say so', async () => {
    await page.goto('/tasks?name=billing.remind')
    await page.getByRole('link', { name: 'billing.remind' }).click()
    await page.waitForURL(/\/tasks\/[0-9a-f-]{36}$/)
    const id = page.url().slice(-36)
    await page.getByRole('button', { name: 'Relancer' }).click()
    await confirm()
    await dialog().getByText('Renvoyée : le broker l’a confirmée.').waitFor()
    await close()
    await page.getByText('Renvoyée par une personne').waitFor()
    expect(await audited('task.retry')).toMatchObject([{ detail: { ids: [id] } }])
    await page.goto('/tasks?name=billing.remind')
    await page.getByText('renvoyée', { exact: true }).waitFor()
    await page.getByText('renvoi', { exact: true }).waitFor()
  })

  it('discards one message with a reason, and the rest of its cause stays', async () => {
    await stack.sql(
      `insert into outbox (task, queue, payload) select 'meters.reconcile', 'low_priority', '{}' from generate_series(1, 2)`,
    )
    await page.goto('/parked')
    const row = page.getByRole('row').filter({ hasText: 'unknown task meters.reconcile' })
    await row.getByText('2', { exact: true }).waitFor({ timeout: 30_000 })
    await row.getByRole('button', { name: 'Voir' }).click()
    const members = page.getByRole('table', { name: 'unknown task meters.reconcile' })
    await members.getByRole('button', { name: 'Jeter' }).first().click()
    await dialog().getByLabel('Raison').fill('rapproché à la main')
    await confirm()
    await dialog().getByText('Jeté : 1 message(s).').waitFor()
    await close()
    await expect
      .poll(() => members.getByRole('button', { name: 'Jeter' }).count(), { timeout: 15_000 })
      .toBe(1)
    expect(await audited('parked.discard')).toMatchObject([{ detail: { reason: 'rapproché à la main' } }])
  }, 60_000)

  it('is not made to act by another site', async () => {
    const context = await browser.newContext({ httpCredentials: stack.operator, locale: 'fr-SN' })
    const other = await context.newPage()
    await other.route('http://other.example/', route =>
      route.fulfill({
        contentType: 'text/html',
        body: `<form method="post" action="${stack.monitor}/api/workers/samaconso_worker_1/shutdown"><button>Win</button></form>`,
      }),
    )
    await other.goto('http://other.example/')
    const [answer] = await Promise.all([
      other.waitForResponse(/shutdown$/),
      other.getByRole('button').click(),
    ])
    expect([answer.status(), await answer.text()]).toEqual([403, expect.stringContaining('autre site')])
    await context.close()
    expect(await audited('worker.shutdown')).toHaveLength(1)
  })

  it('says while it loads, and when the monitor fails, that it does', async () => {
    await page.route('**/api/workers', async route => {
      await until('the words', async () => (await page.getByText('Chargement…').count()) > 0)
      await route.fulfill({ status: 500, json: { title: 'Erreur interne' } })
    })
    await page.goto('/workers')
    await page.getByText('La demande a échoué : Erreur interne').waitFor()
    expect(await axeFaults(page)).toEqual([])
    await page.unroute('**/api/workers')
    await page.getByRole('button', { name: 'Réessayer' }).click()
    await page.getByRole('link', { name: 'samaconso_worker_1' }).waitFor()
    expect(await page.title()).toBe('Workers – SamaConso')
  })

  it('can be read whole from a terminal', async () => {
    const answer = await fetch(stack.monitor, {
      headers: {
        authorization: `Basic ${btoa(`${stack.operator.username}:${stack.operator.password}`)}`,
        'user-agent': 'curl/8.5.0',
        accept: '*/*',
      },
    })
    expect(answer.headers.get('content-type')).toContain('text/plain')
    const text = await answer.text()
    expect(text).toMatch(/^samaconso_worker_1 +running/m)
    expect(text).toMatch(/^worker_9 +stopped/m)
    expect(text).toMatch(/^low_priority +0 +0 +0 +1/m)
  })

  it('never asked for what its policy forbids, and threw nothing', () => {
    expect(complaints).toEqual([])
  })
})
