import { expect } from 'vitest'

export interface Family {
  name: string
  type: string
  help: string
  series: { name: string; labels: Record<string, string>; value: number }[]
}

/** The text of Prometheus, taken apart. */
export function families(text: string): Family[] {
  const found = new Map<string, Family>()
  const of = (name: string): Family => {
    const family = found.get(name) ?? { name, type: '', help: '', series: [] }
    found.set(name, family)
    return family
  }
  let last = ''
  for (const line of text.split('\n')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? []
    if (kind) {
      last = name
      if (kind === 'HELP') of(name).help = rest
      else of(name).type = rest
      continue
    }
    const [, series = '', labels = '', value = ''] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    if (!series) continue
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text])
    of(last).series.push({ name: series, labels: Object.fromEntries(pairs), value: Number(value) })
  }
  return [...found.values()]
}

export const sumOf = (all: Family[], name: string, labels: Record<string, string> = {}): number =>
  all
    .flatMap(({ series }) => series)
    .filter(
      one => one.name === name && Object.entries(labels).every(([key, value]) => one.labels[key] === value),
    )
    .reduce((sum, { value }) => sum + value, 0)

/** Names by the conventions of Prometheus, words that say what is told, labels of few values without identifiers. */
export function expectConventions(all: Family[], mostSeries: number): void {
  const ours = all.filter(({ name }) => name.startsWith('samaconso_'))
  for (const { name, type, help, series } of ours) {
    expect(help, `${name} says what it is`).toMatch(/^[A-Z0-9].{10,}\.$/)
    if (type === 'counter') expect(name, 'what only grows').toMatch(/_total$/)
    else expect(name, 'what does not only grow').not.toMatch(/_total$/)
    expect(name, 'base units').not.toMatch(/_(ms|milliseconds|minutes|hours|kb|mb|percent)(_|$)/)
    if (type === 'histogram') expect(name, 'of time').toMatch(/_seconds$/)
    for (const { labels } of series) {
      for (const [label, value] of Object.entries(labels)) {
        expect(['job', 'instance'], `${name}: a label of Prometheus’s own`).not.toContain(label)
        expect(value, `${name}{${label}}: an identifier`).not.toMatch(
          /[0-9a-f]{8}-[0-9a-f]{4}|\+?221\d{9}|\d{7,}/,
        )
      }
    }
  }
  const count = all.reduce((sum, { series }) => sum + series.length, 0)
  expect(count, 'series').toBeLessThan(mostSeries)
}
