import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { texts } from './files.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SCHEMA = join(ROOT, 'node_modules/@grafana/schema')

/**
 * What Grafana publishes of a dashboard (`@grafana/schema`, of the version that production runs), as strict as a compiler: what
 * is unknown, misspelt, missing or of another type is an error. Its enums are strings in JSON. Of a query of Prometheus it
 * publishes nothing: these fields are those of Grafana's own exports.
 */
const TYPES = `
import type { DataQuery, Dashboard, Panel } from '@grafana/schema'
import type { Options as Curves } from '@grafana/schema/timeseries'
import type { Options as Figure } from '@grafana/schema/stat'
type Json<T> = T extends string ? \`\${T}\` : T extends number | boolean | null | undefined ? T
  : T extends readonly (infer Item)[] ? Json<Item>[]
  : T extends object ? { [Key in keyof T]: Json<T[Key]> } : T
interface Query extends DataQuery { refId: string; expr: string; legendFormat?: string; range?: boolean; instant?: boolean; format?: string }
type Drawn<Type extends string, Options> = Omit<Json<Panel>, 'type' | 'options' | 'targets'> &
  Required<Pick<Json<Panel>, 'id' | 'title' | 'gridPos' | 'datasource' | 'fieldConfig'>> & { type: Type; options: Json<Options>; targets: Json<Query>[] }
export type Page = Omit<Json<Dashboard>, 'panels'> & Required<Pick<Json<Dashboard>, 'uid' | 'title' | 'schemaVersion'>> &
  { panels: (Drawn<'timeseries', Curves> | Drawn<'stat', Partial<Figure>>)[] }
`

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'samaconso-grafana-'))
  const panel = (name: string, file: string) => [
    join(SCHEMA, `dist/esm/raw/composable/${name}/panelcfg/x/${file}PanelCfg_types.gen.d.ts`),
  ]
  const paths = {
    '@grafana/schema': [join(SCHEMA, 'dist/index.d.ts')],
    '@grafana/schema/timeseries': panel('timeseries', 'TimeSeries'),
    '@grafana/schema/stat': panel('stat', 'Stat'),
  }
  const compilerOptions = {
    ...{ strict: true, noEmit: true, skipLibCheck: true, allowImportingTsExtensions: true, types: [], paths },
    ...{ module: 'ESNext', moduleResolution: 'bundler', target: 'ESNext', lib: ['ESNext'] },
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }))
  await writeFile(join(folder, 'page.ts'), TYPES)
})
afterAll(() => rm(folder, { recursive: true }))

/** What the compiler has against these dashboards, a line each. */
async function faults(dashboards: Record<string, string>): Promise<string[]> {
  for (const [name, json] of Object.entries(dashboards)) {
    const text = `import type { Page } from './page.ts'\nexport const page: Page = ${json}\n`
    await writeFile(join(folder, `${name}.ts`), text)
  }
  const tsc = [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder, '--pretty', 'false']
  const output = await new Promise<string>(done => {
    execFile(process.execPath, tsc, { timeout: 60_000 }, (error, stdout, stderr) =>
      done(error ? stdout + stderr || error.message : ''),
    )
  })
  for (const name in dashboards) await rm(join(folder, `${name}.ts`))
  return output.split('\n').filter(line => /\S/.test(line) && !line.startsWith(' '))
}

describe('the JSON of the dashboards', () => {
  it('is what Grafana’s schema says, every page', async () => {
    const pages = await texts('dashboards', '.json')
    expect(pages.size).toBeGreaterThan(9)
    expect(
      await faults(Object.fromEntries([...pages].map(([name, json]) => [name.replace('.json', ''), json]))),
    ).toEqual([])
  }, 90_000)

  it('would not pass with a field that is misspelt, missing, unknown or of another type', async () => {
    const [first = ''] = (await texts('dashboards', '.json')).values()
    // biome-ignore lint/suspicious/noExplicitAny: made wrong on purpose.
    const spoilt = (change: (page: any) => void) => {
      const page = JSON.parse(first)
      change(page)
      return JSON.stringify(page)
    }
    // biome-ignore lint/suspicious/noExplicitAny: any panel with curves.
    const curves = (page: any) => page.panels.find(({ type }: { type: string }) => type === 'timeseries')
    const wrong: Record<string, string> = {
      unknown: spoilt(page => {
        page.titel = 'x'
      }),
      type: spoilt(page => {
        page.panels[0].gridPos.w = '12'
      }),
      option: spoilt(page => {
        curves(page).options.legend.placement = 'nowhere'
      }),
      mode: spoilt(page => {
        page.panels[0].fieldConfig.defaults.thresholds.mode = 'sometimes'
      }),
      query: spoilt(page => {
        delete curves(page).targets[0].expr
      }),
      kind: spoilt(page => {
        page.panels[0].type = 'graph'
      }),
      link: spoilt(page => {
        page.links[0].kind = 'x'
      }),
    }
    const found = await faults(wrong)
    for (const name in wrong)
      expect(
        found.filter(line => line.includes(`/${name}.ts(`)),
        name,
      ).toHaveLength(1)
  }, 90_000)
})
