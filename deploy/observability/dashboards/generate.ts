// node deploy/observability/dashboards/generate.ts: writes the JSON that Grafana reads; a test keeps it true.
import { writeFile } from 'node:fs/promises'
import { dashboard } from './panels.ts'
import { PRODUCT } from './product.ts'
import { SERVERS } from './servers.ts'

export const PAGES = [...PRODUCT, ...SERVERS]

/** The files of this folder with their content. */
export const files = (): { name: string; text: string }[] =>
  PAGES.map(page => ({ name: `${page.file}.json`, text: `${JSON.stringify(dashboard(page), null, 2)}\n` }))

if (import.meta.main) {
  for (const { name, text } of files()) await writeFile(new URL(name, import.meta.url), text)
}
