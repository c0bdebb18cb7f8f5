import type { Browser, BrowserContextOptions, Page } from 'playwright-core'

export interface Account {
  username: string
  password: string
}

/** Opens the monitor's page as a person in Dakar would; what the page complains of is added to `complaints`. */
export async function visit(
  browser: Browser,
  baseURL: string,
  who: Account,
  complaints: string[],
  more: BrowserContextOptions = {},
): Promise<Page> {
  const context = await browser.newContext({
    httpCredentials: who,
    locale: 'fr-SN',
    timezoneId: 'Africa/Dakar',
    baseURL,
    viewport: { width: 1280, height: 800 },
    ...more,
  })
  const page = await context.newPage()
  page.setDefaultTimeout(30_000)
  page.on('pageerror', error => complaints.push(String(error)))
  page.on('console', message => {
    if (message.text().includes('Content Security Policy')) complaints.push(message.text())
  })
  return page
}
