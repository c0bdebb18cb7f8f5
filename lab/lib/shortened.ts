import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Laboratory } from './laboratory.ts'

/** An hour is a minute. */
export const FACTOR = 60

/** A rate needs some samples, and nothing is asked or judged more often than this. */
const LEAST_WINDOW_MS = 4_000
const LEAST_INTERVAL_MS = 1_000
const UNITS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * A file of Prometheus or Alertmanager with its times so many times shorter: how long something must hold, the windows that are
 * looked at, how often is asked, told and told again. What values are compared with stays as it is.
 */
export const shortened = (text: string, factor: number): string =>
  text
    .replace(/\[(\d+)([smhd])\]/g, (_, n, unit) => `[${shorter(n, unit, factor, LEAST_WINDOW_MS)}]`)
    .replace(
      /\boffset (\d+)([smhd])\b/g,
      (_, n, unit) => `offset ${shorter(n, unit, factor, LEAST_WINDOW_MS)}`,
    )
    .replace(
      /\b(scrape_interval|evaluation_interval): (\d+)([smhd])\b/g,
      (_, name, n, unit) => `${name}: ${shorter(n, unit, factor, LEAST_INTERVAL_MS)}`,
    )
    .replace(
      /\b(for|group_wait|group_interval|repeat_interval|resolve_timeout): (\d+)([smhd])\b/g,
      (_, name, n, unit) => `${name}: ${shorter(n, unit, factor, 0)}`,
    )

const shorter = (count: string, unit: string, factor: number, least: number): string =>
  `${Math.max(Math.round((Number(count) * (UNITS[unit] as number)) / factor), least)}ms`

/**
 * Has the laboratory's Prometheus and Alertmanager work on shortened times from now on, and know nothing of before: its windows of
 * days would see how slow the first requests were.
 */
export async function shortenTimes(lab: Laboratory): Promise<void> {
  const folder = join(lab.root('server3'), 'etc/samaconso/monitoring')
  const rules = (await readdir(join(folder, 'rules'))).map(name => join('rules', name))
  for (const name of ['prometheus.yml', 'alertmanager.yml', ...rules]) {
    const file = join(folder, name)
    const kept = `${file}.as-installed`
    const text = await readFile(kept, 'utf8').catch(() => readFile(file, 'utf8'))
    await writeFile(kept, text)
    await writeFile(file, shortened(text, FACTOR))
  }
  await lab.units.stop('samaconso_prometheus')
  const known = join(lab.root('server3'), 'var/lib/samaconso/prometheus')
  for (const name of await readdir(known)) await rm(join(known, name), { recursive: true })
  await lab.units.restart('samaconso_alertmanager')
  await lab.units.start('samaconso_prometheus')
}
