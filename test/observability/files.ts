import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { PAGES } from '../../deploy/observability/dashboards/generate.ts'

export const FOLDER = fileURLToPath(new URL('../../deploy/observability', import.meta.url))

export interface Alert {
  name: string
  /** File of rules, without its ending. */
  group: string
}

/** Files of a folder of deploy/observability with their texts. */
export async function texts(folder: string, ending: string): Promise<Map<string, string>> {
  const names = (await readdir(`${FOLDER}/${folder}`)).filter(name => name.endsWith(ending))
  const read = names.map(async name => [name, await readFile(`${FOLDER}/${folder}/${name}`, 'utf8')] as const)
  return new Map(await Promise.all(read))
}

/** Every alert of the rules. */
export async function alerts(): Promise<Alert[]> {
  return [...(await texts('rules', '.yml'))].flatMap(([file, text]) =>
    [...text.matchAll(/- alert: (\w+)/g)].map(([, name]) => ({
      name: name as string,
      group: file.replace('.yml', ''),
    })),
  )
}

/** Every query of the dashboards, as Prometheus is asked it, with rates over such a window. */
export const queries = (window = '5m'): { where: string; expr: string }[] =>
  PAGES.flatMap(page =>
    page.panels.flatMap(panel =>
      panel.queries.map(({ expr }) => ({
        where: `${page.title}, ${panel.title}`,
        expr: expr.replaceAll('$__rate_interval', window),
      })),
    ),
  )

/** Every expression of the rules. */
export async function expressions(): Promise<{ where: string; expr: string }[]> {
  return [...(await texts('rules', '.yml'))].flatMap(([file, text]) =>
    [...text.matchAll(/expr: '?(.*?)'?$/gm)].map(([, expr]) => ({
      where: file,
      expr: (expr as string).replaceAll("''", "'"),
    })),
  )
}

/** What the recording rules give a name to. */
export async function recorded(): Promise<string[]> {
  return [...(await texts('rules', '.yml')).values()].flatMap(text =>
    [...text.matchAll(/- record: (\S+)/g)].map(([, name]) => name as string),
  )
}

const WORDS = new Set(
  'sum avg min max count by le and or on rate increase topk time vector abs absent predict_linear avg_over_time histogram_quantile unless'.split(
    ' ',
  ),
)

/** Names of the metrics in a query: what is left when strings, labels and words of the language are taken away. */
export function metricsOf(expr: string): string[] {
  const bare = expr
    .replace(/"[^"]*"/g, '')
    .replace(/\{[^}]*\}/g, ' ')
    .replace(/\[[^\]]*\]/g, ' ')
    .replace(/\boffset \w+/g, ' ')
    .replace(/\bby \([^)]*\)/g, ' ')
  return [...new Set(bare.match(/[a-zA-Z_:][\w:]*/g) ?? [])].filter(word => !WORDS.has(word))
}
