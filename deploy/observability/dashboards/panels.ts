// What a dashboard of Grafana is made of, as plain data.

export type Unit = 's' | 'reqps' | 'ops' | 'percentunit' | 'bytes' | 'short' | 'Bps' | 'dtdurations'

/** A query of Prometheus with the words of its line in the legend. */
export interface Query {
  expr: string
  legend?: string
}

export interface Panel {
  title: string
  kind: 'timeseries' | 'stat'
  unit: Unit
  queries: readonly Query[]
  /** For who reads it at three in the morning. */
  about: string
  /** Red from here on; below it when `lowIsBad`. */
  limit?: number
  lowIsBad?: boolean
}

export interface Page {
  /** Name of its file. */
  file: string
  title: string
  panels: readonly Panel[]
}

/** What the schema of a link wants said, though it is as usual. */
const USUAL_LINK = {
  tags: [],
  asDropdown: false,
  includeVars: false,
  keepTime: false,
  targetBlank: false,
  tooltip: '',
}
const datasource = { type: 'prometheus', uid: 'prometheus' }
/** Lines of the same time in the log store: one click from a spike. */
const LOGS = {
  ...USUAL_LINK,
  type: 'link',
  icon: 'doc',
  title: 'Journaux de ce moment',
  targetBlank: true,
  url: `/explore?schemaVersion=1&orgId=1&panes=${encodeURIComponent(
    JSON.stringify({
      logs: {
        datasource: 'loki',
        queries: [{ refId: 'A', expr: '{source="containers"} | json | level=~"warn|error"' }],
        range: { from: 'FROM', to: 'TO' },
      },
    }),
  )
    // biome-ignore lint/suspicious/noTemplateCurlyInString: variables of Grafana.
    .replace('FROM', '${__from}')
    // biome-ignore lint/suspicious/noTemplateCurlyInString: variables of Grafana.
    .replace('TO', '${__to}')}`,
}

const PER_ROW = { timeseries: 2, stat: 4 }
const COLUMNS = 24

/** The JSON of a page: figures first, then curves, two in a row. */
export function dashboard({ file, title, panels }: Page): object {
  let x = 0
  let y = 0
  let height = 0
  const placed = panels.map((panel, i) => {
    const w = COLUMNS / PER_ROW[panel.kind]
    const h = panel.kind === 'stat' ? 4 : 8
    if (x + w > COLUMNS || (height > 0 && height !== h)) {
      x = 0
      y += height
    }
    const gridPos = { x, y, w, h }
    x += w
    height = h
    return { id: i + 1, gridPos, ...drawn(panel) }
  })
  return {
    uid: `samaconso-${file}`,
    title,
    tags: ['samaconso'],
    timezone: 'Africa/Dakar',
    schemaVersion: 39,
    version: 1,
    editable: false,
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    links: [
      {
        ...USUAL_LINK,
        type: 'dashboards',
        icon: 'dashboard',
        title: 'Autres tableaux',
        tags: ['samaconso'],
        asDropdown: true,
        keepTime: true,
      },
    ],
    annotations: { list: [] },
    templating: { list: [] },
    panels: placed,
  }
}

function drawn({ title, kind, unit, queries, about, limit, lowIsBad }: Panel): object {
  const colours = lowIsBad ? (['red', 'green'] as const) : (['green', 'red'] as const)
  const steps = [
    { color: limit === undefined ? 'green' : colours[0], value: null },
    ...(limit === undefined ? [] : [{ color: colours[1], value: limit }]),
  ]
  return {
    title,
    description: about,
    type: kind,
    datasource,
    links: [LOGS],
    fieldConfig: {
      defaults: {
        unit,
        min: unit === 's' || unit === 'bytes' ? 0 : undefined,
        thresholds: { mode: 'absolute', steps },
      },
      overrides: [],
    },
    options:
      kind === 'stat'
        ? {
            reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
            colorMode: 'background',
            graphMode: 'area',
          }
        : {
            legend: { calcs: [], displayMode: 'list', placement: 'bottom', showLegend: true },
            tooltip: { mode: 'multi', sort: 'desc' },
          },
    targets: queries.map(({ expr, legend }, i) => ({
      refId: String.fromCharCode(65 + i),
      datasource,
      expr,
      legendFormat: legend ?? '__auto',
      range: true,
    })),
  }
}

export const stat = (
  title: string,
  unit: Unit,
  expr: string,
  about: string,
  limit?: number,
  lowIsBad = false,
): Panel => ({
  title,
  kind: 'stat',
  unit,
  about,
  queries: [{ expr }],
  ...(limit === undefined ? {} : { limit, lowIsBad }),
})

export const curve = (
  title: string,
  unit: Unit,
  about: string,
  ...queries: [expr: string, legend?: string][]
): Panel => ({
  title,
  kind: 'timeseries',
  unit,
  about,
  queries: queries.map(([expr, legend]) => (legend === undefined ? { expr } : { expr, legend })),
})

/** A quantile of a histogram, by labels. */
export const quantile = (q: number, metric: string, by = ''): string =>
  `histogram_quantile(${q}, sum by (le${by && `, ${by}`}) (rate(${metric}_bucket[$__rate_interval])))`

/** So many a second, by labels. */
export const perSecond = (metric: string, by: string): string =>
  `sum by (${by}) (rate(${metric}[$__rate_interval]))`
