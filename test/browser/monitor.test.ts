import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { until } from '../harness.ts'
import { axeFaults, openBrowser } from './chromium.ts'
import { liveOneDay } from './lively.ts'
import { startMonitorStack } from './monitor-stack.ts'
import { takePicture } from './pictures.ts'
import { type Account, visit } from './visitor.ts'

const PAGES = ['/', '/workers', '/tasks', '/queues', '/parked', '/due', '/broadcasts', '/audit']
const DEVICES = 600
const UNKNOWN = 120

let stack: Awaited<ReturnType<typeof startMonitorStack>>
let browser: Browser
let page: Page
/** What the page complained of: a breach of its policy, an error nobody caught. */
const complaints: string[] = []

const open = (who: Account) => visit(browser, stack.monitor, who, complaints)

const button = (name: string) => page.getByRole('button', { name, exact: true })
const dialog = () => page.locator('dialog[open]')
const parkUnknown = (task: string, count: number) =>
  stack.sql(
    `insert into outbox (task, queue, payload) select '${task}', 'normal', '{"customerId": "77 123 45 67"}'
     from generate_series(1, ${count})`,
  )

// A page is waited for on a machine that does much else, too.
vi.setConfig({ testTimeout: 90_000 })

beforeAll(async () => {
  ;[stack, browser] = await Promise.all([startMonitorStack(), openBrowser()])
  await stack.seed(DEVICES)
  page = await open(stack.operator)
}, 300_000)
afterAll(async () => {
  await browser?.close()
  await stack?.stop()
}, 60_000)

describe('the monitor’s page', () => {
  it('arrives whole in less than 200 KB, and its scripts are kept for a year', async () => {
    const session = await page.context().newCDPSession(page)
    await session.send('Network.enable')
    let bytes = 0
    session.on('Network.loadingFinished', ({ encodedDataLength }) => {
      bytes += encodedDataLength
    })
    const script = page.waitForResponse(/assets\/.*\.js$/)
    await page.goto('/')
    await page.getByRole('table', { name: 'Files' }).waitFor()
    expect(bytes).toBeGreaterThan(50_000)
    expect(bytes).toBeLessThan(200_000)
    expect((await script).headers()).toMatchObject({
      'cache-control': 'private, max-age=31536000, immutable',
      'content-encoding': 'br',
    })
  })

  it('follows a broadcast from its start to its end', async () => {
    const accessToken = await stack.signIn()
    await page.goto('/broadcasts')
    await stack.api(
      'POST',
      '/v1/admin/broadcasts',
      {
        audience: { kind: 'everyone' },
        content: { fr: { title: 'Travaux à Thiès', body: 'De 9 h à 12 h.' } },
        ratePerSecond: 100,
      },
      accessToken,
    )
    const card = page.getByRole('article', { name: 'Travaux à Thiès' })
    await card.getByText('en cours').waitFor()
    await card.getByText('appareils/s').waitFor()
    const bar = card.getByRole('progressbar')
    const value = () => bar.evaluate((one: { value?: number }) => one.value ?? 0)
    await until('some progress', async () => (await value()) > 0, 20_000)
    const early = await value()
    await until('more progress', async () => (await value()) > early, 20_000)
    await card.getByText('terminée').waitFor({ timeout: 40_000 })
    const [{ devices }] = await stack.sql('select devices from broadcasts')
    expect(devices).toBeGreaterThan(DEVICES * 0.9)
    await card.getByText(`${devices} sur ${devices}`).waitFor()
  }, 90_000)

  it('shows a worker that is killed as lost within ten seconds, and what it knew of it', async () => {
    const worker = stack.own([
      'worker',
      '--queues',
      'low_priority',
      '--concurrency',
      '2',
      '--name',
      'worker_9',
    ])
    await page.goto('/workers')
    const row = page.getByRole('row').filter({ hasText: 'worker_9' })
    await row.getByText('en ligne').waitFor({ timeout: 20_000 })
    worker.kill('SIGKILL')
    const killedAt = Date.now()
    await row.getByText('perdu').waitFor({ timeout: 20_000 })
    expect(Date.now() - killedAt).toBeLessThan(10_000)
    await row.getByRole('link').click()
    await page.getByText('n’a pas répondu').waitFor()
  }, 150_000)

  it('steers a worker, and says it is done when the worker said so', async () => {
    await page.goto('/workers/samaconso_worker_2')
    await page.getByRole('row').filter({ hasText: 'normal' }).getByRole('button', { name: '+' }).click()
    await dialog().getByLabel('Combien').fill('2')
    await dialog().getByRole('button', { name: 'Confirmer' }).click()
    await dialog()
      .getByText(/Le worker a répondu\. Ses places : normal \d+/)
      .waitFor()
    await dialog().getByRole('button', { name: 'Fermer' }).click()
    await page.goto('/audit')
    await page.getByRole('row').filter({ hasText: 'worker.grow' }).first().waitFor()
  })

  it('shows what waits while FCM fails, what was put aside, and sends it again', async () => {
    await stack.fcm({ outcome: 'UNAVAILABLE', share: 1 })
    const accessToken = await stack.signIn()
    const [{ customer_id: customerId }] = await stack.sql('select customer_id from devices limit 1')
    await stack.api(
      'POST',
      '/v1/admin/notifications',
      { customerId, content: { fr: { title: 'Bonjour', body: 'Un essai' } } },
      accessToken,
    )
    await page.goto('/due')
    await page.getByRole('table', { name: 'Livraisons qui attendent leur heure' }).waitFor()
    // As if its workers had died of it six times: what puts a unit aside.
    await stack.sql(
      `update deliveries set takes = 6, due_at = now(), republish_at = now() where state = 'pending'`,
    )
    await page.goto('/parked')
    const row = page.getByRole('row').filter({ hasText: 'taken too often' })
    await row.waitFor({ timeout: 45_000 })
    await stack.fcm({ outcome: 'ok', share: 1 })
    await row.getByRole('button', { name: 'Rejouer' }).click()
    await dialog().getByRole('button', { name: 'Confirmer' }).click()
    await dialog().getByText('Rejoué : 1 message(s), confirmés.').waitFor()
    await dialog().getByRole('button', { name: 'Fermer' }).click()
    await page.getByText('Rien n’est mis de côté.').waitFor()
    await until(
      'its delivery',
      async () => (await stack.sql("select from deliveries where state <> 'done'")).length === 0,
      45_000,
    )
  }, 150_000)

  it('groups by cause, shows arguments masked, retries a filter after counting, and discards with a reason', async () => {
    await parkUnknown('billing.remind', UNKNOWN)
    await page.goto('/parked')
    const row = page.getByRole('row').filter({ hasText: 'unknown task billing.remind' })
    await row.getByText(String(UNKNOWN), { exact: true }).waitFor({ timeout: 30_000 })
    await row.getByRole('button', { name: 'Voir' }).click()
    await page.getByRole('table', { name: 'unknown task billing.remind' }).getByRole('link').first().click()
    await page.getByText('Fin : mise de côté').waitFor()
    await page.getByText('"customerId":"•"').waitFor()

    await page.goto('/tasks')
    await page.getByLabel('Tâche', { exact: true }).fill('billing.remind')
    await page.getByLabel('Tâche', { exact: true }).press('Enter')
    await page.getByRole('combobox', { name: 'État' }).selectOption('parked')
    await page.waitForURL(/name=billing\.remind.*state=parked|state=parked.*name=billing\.remind/)
    await button('Relancer tout le filtre').click()
    await dialog().getByText(`${UNKNOWN} tâche(s) répondent au filtre.`).waitFor()
    await dialog().getByRole('button', { name: 'Le faire' }).click()
    await dialog().getByText(`Terminé : ${UNKNOWN} tâche(s).`).waitFor({ timeout: 30_000 })
    await dialog().getByRole('button', { name: 'Fermer' }).click()
    const marked = await stack.sql(
      `select count(*)::integer n from task_history where task = 'billing.remind' and resent_at is not null`,
    )
    expect(marked).toEqual([{ n: UNKNOWN }])

    await page.goto('/parked')
    await row.getByText(String(UNKNOWN), { exact: true }).waitFor({ timeout: 30_000 })
    await row.getByRole('button', { name: 'Jeter' }).click()
    await dialog().getByLabel('Raison').fill('une tâche d’essai')
    await dialog().getByRole('button', { name: 'Confirmer' }).click()
    await dialog().locator('.notice.good, .notice.bad').waitFor()
    // What it was about has left the page: the outcome stays to be read.
    await row.waitFor({ state: 'detached' })
    expect(await dialog().innerText()).toContain(`Jeté : ${UNKNOWN} message(s).`)
    await dialog().getByRole('button', { name: 'Fermer' }).click()
    const audit = await stack.sql(
      `select detail->>'reason' reason from audit where action = 'parked.discard'`,
    )
    expect(audit).toEqual([{ reason: 'une tâche d’essai' }])
  }, 120_000)

  it('lets who looks change nothing, and says so', async () => {
    const looking = await open(stack.viewer)
    await looking.goto('/workers/samaconso_worker_2')
    await looking.getByText('Lecture seule').waitFor()
    await looking.getByRole('heading', { name: 'Files et places' }).waitFor()
    expect(await looking.getByRole('button').allTextContents()).toEqual(['English'])
    const refusal = await looking.evaluate(async () => {
      const answer = await fetch('/api/workers/samaconso_worker_2/shutdown', { method: 'POST' })
      return [answer.status, ((await answer.json()) as { code: string }).code]
    })
    expect(refusal).toEqual([403, 'forbidden'])
    await looking.context().close()
  })

  it('says that it has lost the monitor, keeps what it saw, and goes on', async () => {
    await page.goto('/queues')
    await page.getByRole('table', { name: 'Files' }).waitFor()
    await page.waitForTimeout(500)
    await page.context().setOffline(true)
    await page.getByRole('alert').getByText('Le moniteur ne répond plus').waitFor()
    expect(await page.getByRole('table', { name: 'Files' }).isVisible()).toBe(true)
    await page.context().setOffline(false)
    await page.getByRole('alert').waitFor({ state: 'detached' })
  })

  it('is walked by keyboard, and speaks English when asked', async () => {
    await page.goto('/')
    await page.getByRole('table', { name: 'Files' }).waitFor()
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Aller au contenu')
    await page.getByRole('link', { name: 'Tâches', exact: true }).focus()
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/tasks$/)
    await button('English').click()
    await page.getByRole('heading', { name: 'Tasks' }).waitFor()
    expect(await page.locator('html').getAttribute('lang')).toBe('en')
    await button('Français').click()
  })

  describe('on an ordinary day', () => {
    let task: string
    beforeAll(async () => {
      task = await liveOneDay(stack, await stack.signIn())
    }, 60_000)

    it('a task tells its life in order: accepted, published, taken, ended', async () => {
      await page.goto(`/tasks/${task}`)
      const life = page.getByRole('listitem').filter({ has: page.locator('strong') })
      await expect.poll(() => life.count()).toBeGreaterThanOrEqual(4)
      const words = (await life.locator('strong').allTextContents()).join(' · ')
      expect(words).toMatch(
        /^Acceptée, prête à être prise · Publiée, essai 1 · Prise par \S+, essai 1 · Fin : /,
      )
    })

    it.each([
      ['light', 'fr', [1280, 1024, 360]],
      ['dark', 'fr', [1280, 360]],
      ['light', 'en', [1024, 360]],
    ] as const)(
      'has nothing that axe finds wrong, and fits: %s, %s',
      async (colorScheme, language, widths) => {
        await page.emulateMedia({ colorScheme })
        await page.evaluate(`localStorage.setItem('language', '${language}')`)
        for (const width of widths) {
          await page.setViewportSize({ width, height: width < 700 ? 740 : 800 })
          for (const path of [...PAGES, '/workers/samaconso_worker_2', `/tasks/${task}`]) {
            await page.goto(path)
            await page.locator('main h1').waitFor()
            await expect
              .poll(() => page.getByText(/Chargement…|Loading…/).count(), { timeout: 10_000 })
              .toBe(0)
            expect([path, width, await axeFaults(page)]).toEqual([path, width, []])
            const overflow = await page.evaluate(
              'document.documentElement.scrollWidth - document.documentElement.clientWidth',
            )
            expect([path, width, overflow]).toEqual([path, width, 0])
            if (language === 'fr') await takePicture(page, path, width, colorScheme)
          }
        }
        await page.setViewportSize({ width: 1280, height: 800 })
        await page.evaluate(`localStorage.setItem('language', 'fr')`)
      },
      180_000,
    )
  })

  it('never asked for what its policy forbids, and threw nothing', () => {
    expect(complaints).toEqual([])
  })
})
