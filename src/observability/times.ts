import { type MetricValueWithName, type Registry, register } from 'prom-client'

/** The counts of one set of labels: one for each bound and one for what is above all, not added up yet. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>
  readonly counts: Float64Array
  sum: number
}

/**
 * A histogram for what happens tens of thousands of times a second: who has its series at hand adds to it for some ten
 * nanoseconds, where the library's own looks its labels up each time for over a microsecond.
 */
export class Times<Label extends string> {
  readonly #bounds: readonly number[]
  readonly #names: readonly Label[]
  readonly #series = new Map<string, Series>()

  /** Told in the same place as the library's metrics. */
  constructor(name: string, help: string, bounds: readonly number[], ...names: Label[]) {
    this.#bounds = bounds
    this.#names = names
    const get = async () => ({ name, help, type: 'histogram', values: this.#values(name), aggregator: 'sum' })
    const metric = {
      name,
      help,
      type: 'histogram',
      get,
      getForPromString: get,
      reset: () => this.#series.clear(),
    }
    register.registerMetric(metric as unknown as Parameters<Registry['registerMetric']>[0])
  }

  /** The series of these labels, in the order of their names; the same each time. */
  series(...values: string[]): Series {
    const key = values.join('\0')
    const known = this.#series.get(key)
    if (known) return known
    const labels = Object.fromEntries(this.#names.map((name, i) => [name, values[i] ?? '']))
    const series = { labels, counts: new Float64Array(this.#bounds.length + 1), sum: 0 }
    this.#series.set(key, series)
    return series
  }

  /** Adds one of so many seconds. */
  add(series: Series, seconds: number): void {
    const bounds = this.#bounds
    let at = 0
    while (at < bounds.length && seconds > (bounds[at] as number)) at++
    series.counts[at] = (series.counts[at] as number) + 1
    series.sum += seconds
  }

  #values(name: string): MetricValueWithName<string>[] {
    return [...this.#series.values()].flatMap(({ labels, counts, sum }) => {
      let count = 0
      const buckets = [...counts].map((own, i) => {
        count += own
        return {
          metricName: `${name}_bucket`,
          labels: { ...labels, le: this.#bounds[i] ?? '+Inf' },
          value: count,
        }
      })
      return [
        ...buckets,
        { metricName: `${name}_sum`, labels, value: sum },
        { metricName: `${name}_count`, labels, value: count },
      ]
    })
  }
}
