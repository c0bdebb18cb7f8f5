import { Chart } from '../../shared/components/chart.tsx'
import { count, duration } from '../../shared/language.ts'
import type { Queues, QueueView, Trend } from '../api.ts'
import { Away, Rows, Seen, Title, useLook } from '../look.tsx'
import { useTexts } from '../texts.ts'

/** What waits where, and how it went in the last hour. */
export function QueuesPage() {
  const t = useTexts()
  const look = useLook('GET /api/queues')
  const trend = useLook('GET /api/queues/history', {}, 5_000)
  return (
    <>
      <Title>{t.pages.queues}</Title>
      <Seen look={look}>
        {queues => (
          <>
            <Away broker={queues.broker} database={queues.database} />
            <QueueTable items={queues.items} />
            <section className="card">
              <h2>{t.outbox}</h2>
              <OutboxLine outbox={queues.outbox} />
            </section>
          </>
        )}
      </Seen>
      <section className="stack">
        <h2>{t.lastHour}</h2>
        <Seen look={trend}>{data => <Charts trend={data} />}</Seen>
      </section>
    </>
  )
}

export function QueueTable({ items }: { items: QueueView[] }) {
  const t = useTexts()
  return (
    <div className="card">
      <Rows
        label={t.pages.queues}
        items={items}
        keyOf={one => one.queue}
        columns={[
          { title: t.queue, cell: one => <strong>{one.queue}</strong> },
          { title: t.ready, isNumber: true, cell: one => count(one.ready) },
          // What workers say: the broker counts what each of its connections holds.
          { title: t.active, isNumber: true, cell: one => count(one.active) },
          { title: t.delayed, isNumber: true, cell: one => count(one.delayed) },
          {
            title: t.parkedCount,
            isNumber: true,
            cell: one =>
              one.parked ? <span className="badge bad">{count(one.parked)}</span> : count(one.parked),
          },
          {
            title: t.rates,
            isNumber: true,
            cell: one => `${count(one.inPerSecond)} · ${count(one.outPerSecond)}`,
          },
          { title: t.oldest, isNumber: true, cell: one => duration(one.oldestMs) },
          { title: t.longestWait, isNumber: true, cell: one => duration(one.waitedMs) },
          { title: t.consumers, isNumber: true, cell: one => count(one.consumers) },
          { title: t.slots, isNumber: true, cell: one => count(one.slots) },
        ]}
      />
    </div>
  )
}

export function OutboxLine({ outbox }: { outbox: Queues['outbox'] }) {
  const t = useTexts()
  if (!outbox) return <p>?</p>
  if (outbox.waiting === 0) return <p>{t.outboxEmpty}</p>
  return (
    <p>
      {t.outboxText(
        count(outbox.waiting),
        outbox.oldestSeconds ? duration(outbox.oldestSeconds * 1_000) : '< 1 s',
      )}
    </p>
  )
}

function Charts({ trend }: { trend: Trend }) {
  const t = useTexts()
  const names = Object.keys(trend.items.findLast(point => point.queues)?.queues ?? {})
  const last = trend.items.at(-1)?.queues
  return (
    <div className="charts">
      {names.map(queue => {
        const label = t.chartOf(queue, count(last?.[queue]?.ready), count(last?.[queue]?.outPerSecond))
        return (
          <figure className="card chart-card" key={queue}>
            <Chart
              label={label}
              lines={[
                { name: 'ready', values: trend.items.map(point => point.queues?.[queue]?.ready ?? null) },
                {
                  name: 'out',
                  values: trend.items.map(point => point.queues?.[queue]?.outPerSecond ?? null),
                  dashed: true,
                },
              ]}
            />
            <figcaption className="soft">{label}</figcaption>
          </figure>
        )
      })}
    </div>
  )
}
