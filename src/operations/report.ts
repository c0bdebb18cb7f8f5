import { readFile } from 'node:fs/promises'
import type { Queryable } from '../db/index.ts'
import { ask } from './prometheus.ts'

const DAY = 86_400_000
export const PERIODS = { day: DAY, week: 7 * DAY, month: 30 * DAY } as const
export type Period = keyof typeof PERIODS

/** One of the targets of production: what was measured against what is wanted. */
export interface Target {
  name: { fr: string; en: string }
  /** With its unit; null where nothing that could measure it answers. */
  measured: string | null
  floor: string
  goal: string
  /** Null when it was not measured. */
  met: boolean | null
  /** Where the figure comes from, or why there is none. */
  source: { fr: string; en: string }
}

interface Sources {
  db: Queryable
  prometheusUrl: string
  /** What the last backup wrote; empty where there is none on this machine. */
  backupStatusFile: string
}

const ANSWERS = 'samaconso_http_request_duration_seconds'
const UNASKED = { fr: 'PROMETHEUS_URL est vide', en: 'PROMETHEUS_URL is empty' }
const SILENT = { fr: 'Prometheus ne répond pas ou n’a rien', en: 'Prometheus does not answer or has nothing' }

/** The targets over the last day, week or month. What does not answer leaves its figure out, and says so. */
export async function report(sources: Sources, period: Period): Promise<Target[]> {
  const seconds = PERIODS[period] / 1_000
  const range = `${seconds}s`
  const measure = async (query: string) => ({
    value: sources.prometheusUrl ? await ask(sources.prometheusUrl, query).catch(() => null) : null,
    missing: sources.prometheusUrl ? SILENT : UNASKED,
  })
  const [availability, p99, connections, errors, delivered, customers, backup] = await Promise.all([
    // Somebody answers: of several instances the one that does.
    measure(`100 * avg_over_time((max(up{job="api"}))[${range}:1m])`),
    measure(`1000 * histogram_quantile(0.99, sum by (le) (rate(${ANSWERS}_bucket[${range}])))`),
    measure(`max_over_time(sum(samaconso_websockets)[${range}:1m])`),
    measure(
      `100 * (sum(rate(${ANSWERS}_count{status=~"5.."}[${range}])) or vector(0)) / sum(rate(${ANSWERS}_count[${range}]))`,
    ),
    deliveredShare(sources.db, seconds),
    customerCount(sources.db),
    lastBackup(sources.backupStatusFile),
  ])
  return [
    fromPrometheus('Disponibilité', 'Availability', availability, {
      unit: '%',
      digits: 3,
      floor: '≥ 99,9 %',
      goal: '100 %',
      met: value => value >= 99.9,
    }),
    fromPrometheus('Temps de réponse (p99)', 'Response time (p99)', p99, {
      unit: 'ms',
      digits: 0,
      floor: '< 500 ms',
      goal: '< 100 ms',
      met: value => value < 500,
    }),
    fromPrometheus('Connexions simultanées (pointe)', 'Simultaneous connections (peak)', connections, {
      unit: '',
      digits: 0,
      floor: '10 000',
      goal: '10 000 / instance',
      // A peak says what was asked for; only the load test says what is possible.
      met: () => null,
    }),
    {
      name: { fr: 'Notifications remises', en: 'Notifications delivered' },
      measured: delivered === null ? null : `${delivered.toFixed(2)} %`,
      floor: '> 95 %',
      goal: '100 %',
      met: delivered === null ? null : delivered > 95,
      source:
        delivered === null
          ? { fr: 'aucun envoi dans la période', en: 'nothing was sent in the period' }
          : { fr: 'base de données', en: 'database' },
    },
    fromPrometheus('Erreurs HTTP (5xx)', 'HTTP errors (5xx)', errors, {
      unit: '%',
      digits: 3,
      floor: '< 0,1 %',
      goal: '0 %',
      met: value => value < 0.1,
    }),
    {
      name: { fr: 'Clients', en: 'Customers' },
      measured: String(customers),
      floor: '1 000 000',
      goal: '1 000 000',
      met: null,
      source: {
        fr: 'base de données (estimation du planificateur)',
        en: 'database (the planner’s estimate)',
      },
    },
    backup,
  ]
}

function fromPrometheus(
  fr: string,
  en: string,
  { value, missing }: { value: number | null; missing: { fr: string; en: string } },
  target: {
    unit: string
    digits: number
    floor: string
    goal: string
    met: (value: number) => boolean | null
  },
): Target {
  return {
    name: { fr, en },
    measured: value === null ? null : `${value.toFixed(target.digits)} ${target.unit}`.trim(),
    floor: target.floor,
    goal: target.goal,
    met: value === null ? null : target.met(value),
    source: value === null ? missing : { fr: 'Prometheus', en: 'Prometheus' },
  }
}

/**
 * Of the devices whose outcome came in the period, the share that was sent to, in percent; null when there were none.
 * Who asked not to be told, or uninstalled the app, is no failure of ours.
 */
async function deliveredShare(db: Queryable, seconds: number): Promise<number | null> {
  const [row] = await db.query<{ sent: number; failed: number }>(
    `select coalesce(sum(sent), 0)::int8 sent, coalesce(sum(refused + expired + ambiguous), 0)::int8 failed from deliveries
     where id >= uuid_at(now() - make_interval(secs => $1) - interval '1 day')
       and finished_at > now() - make_interval(secs => $1)`,
    [seconds],
  )
  const { sent, failed } = row as { sent: number; failed: number }
  return sent + failed === 0 ? null : (100 * sent) / (sent + failed)
}

/** As the planner knows it: a count would read a million rows. */
async function customerCount(db: Queryable): Promise<number> {
  const [row] = await db.query<{ n: number }>(
    "select greatest(reltuples, 0)::int8 n from pg_class where oid = 'accounts'::regclass",
  )
  return row?.n ?? 0
}

async function lastBackup(file: string): Promise<Target> {
  const target = {
    name: { fr: 'Dernière sauvegarde', en: 'Last backup' },
    floor: '< 26 h',
    goal: '< 26 h',
  }
  const none = { measured: null, met: null }
  if (!file) {
    return {
      ...target,
      ...none,
      source: { fr: 'BACKUP_STATUS_FILE est vide', en: 'BACKUP_STATUS_FILE is empty' },
    }
  }
  try {
    const status = JSON.parse(await readFile(file, 'utf8')) as { finishedAt: string; ok: boolean }
    const hours = (Date.now() - Date.parse(status.finishedAt)) / 3_600_000
    return {
      ...target,
      measured: `${hours.toFixed(1)} h`,
      met: status.ok && hours < 26,
      source: status.ok
        ? { fr: 'état de la sauvegarde', en: 'the backup’s status' }
        : { fr: 'état de la sauvegarde : échec', en: 'the backup’s status: failed' },
    }
  } catch {
    const source = { fr: 'BACKUP_STATUS_FILE est illisible', en: 'BACKUP_STATUS_FILE cannot be read' }
    return { ...target, ...none, met: false, source }
  }
}
