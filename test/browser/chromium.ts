import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { type Browser, chromium, type Page } from 'playwright-core'

/** Debian's, or one of your own. */
const CHROMIUM = process.env.TEST_CHROMIUM ?? '/usr/bin/chromium'

/** A browser that talks to nobody but the page. */
export const openBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
let source: Promise<string> | undefined

interface Violation {
  id: string
  nodes: { html: string; failureSummary: string }[]
}

/** What axe finds wrong with the page as it is, in words. */
export async function axeFaults(page: Page): Promise<string[]> {
  source ??= readFile(AXE, 'utf8')
  // By the debugger, which the policy of the page does not bind.
  await page.evaluate(await source)
  const violations: Violation[] = await page.evaluate('axe.run().then(result => result.violations)')
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  )
}
