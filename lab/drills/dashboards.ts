import { setTimeout as pause } from 'node:timers/promises'
import { queries } from '../../test/observability/files.ts'
import { query } from '../lib/prometheus.ts'
import { sql } from '../lib/servers.ts'
import { shortenTimes } from '../lib/shortened.ts'
import { openDrilling } from './alerts/drilling.ts'
import { type Drill, until } from './drill.ts'

/** What rightly shows nothing here, by page and panel, and why. */
const NOTHING: Record<string, string> = {}

const LOAD_MS = 45_000
const WINDOW = '30s'

/** Every query of every panel, asked of the laboratory's own Prometheus while customers are at work and a broadcast goes out. */
export const dashboards: Drill = {
  name: 'dashboards',
  what: 'every query of every panel of every dashboard gives data',
  isApart: true,
  atMostSeconds: 300,
  async run({ lab, load }) {
    await shortenTimes(lab)
    const d = await openDrilling(lab, load)
    // A database as young as this one may have archived nothing yet.
    await sql(lab.root('server1'), 'select pg_switch_wal()')
    await lab.on('server1', ['samaconso-task', 'backup-dump', 'samaconso-backup', 'dump'])
    await pause(15_000)
    await d.call('POST', '/v1/admin/broadcasts', {
      audience: { kind: 'everyone' },
      content: { fr: { title: 'Travaux', body: 'Coupure prévue demain.' } },
      respectQuietHours: false,
    })
    // What customers do wrong is on a panel, too.
    await d.call('GET', '/v1/admin/customers/unknown').catch(() => undefined)
    await pause(LOAD_MS)
    const wrong: string[] = []
    let panels = 0
    for (const { where, expr } of queries(WINDOW)) {
      panels++
      const hasData = async () => (await query(expr)).some(({ value }) => !Number.isNaN(value))
      const isThere = await until(where, 10_000, hasData).then(
        () => true,
        () => false,
      )
      if (isThere === Boolean(NOTHING[where]))
        wrong.push(isThere ? `${where}: shows something` : `${where}: nothing for ${expr}`)
    }
    return {
      lost: 0,
      repeated: 0,
      notes: [`${panels} queries, ${panels - wrong.length} as they should be`],
      wrong,
    }
  },
}
