import type { Page } from 'playwright-core'

const NAMES: [RegExp, string][] = [
  [/^\/$/, 'overview'],
  [/^\/workers\/./, 'worker'],
  [/^\/tasks\/./, 'task'],
]

/** `SAMACONSO_PICTURES=1` keeps what the pages look like in docs/images. */
export async function takePicture(page: Page, path: string, width: number, scheme: string): Promise<void> {
  if (process.env.SAMACONSO_PICTURES !== '1' || (width < 700 && scheme === 'dark')) return
  const name = NAMES.find(([address]) => address.test(path))?.[1] ?? path.slice(1)
  const kind = scheme === 'dark' ? '-dark' : ''
  await page.screenshot({ path: `docs/images/monitor-${name}-${width}${kind}.png`, fullPage: width < 700 })
}
