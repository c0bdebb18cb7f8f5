import { count, dateTime, duration } from '../../shared/language.ts'
import type { BroadcastView } from '../api.ts'
import { Away, Seen, State, Title, useLook } from '../look.tsx'
import { useTexts } from '../texts.ts'

/** Messages to many: how far, how fast, until when, and what became of each device. */
export function BroadcastsPage() {
  const t = useTexts()
  const look = useLook('GET /api/broadcasts', {}, 1_000)
  return (
    <>
      <Title>{t.pages.broadcasts}</Title>
      <Seen look={look}>
        {({ items, database }) => (
          <>
            <Away database={database} />
            {items.length === 0 && database === 'ok' && <p className="card">{t.noBroadcast}</p>}
            {items.map(item => (
              <Broadcast key={item.id} item={item} />
            ))}
          </>
        )}
      </Seen>
    </>
  )
}

export function Broadcast({ item }: { item: BroadcastView }) {
  const t = useTexts()
  const { counts, state } = item
  const devices = counts.devices ?? 0
  const done = devices - (counts.pending ?? 0)
  const word = state === 'running' ? t.broadcastRunning : state === 'stopped' ? t.broadcastStopped : undefined
  const shown = Object.entries(counts).filter(([name, n]) => n > 0 || name === 'devices' || name === 'sent')
  const reasons = Object.entries(item.reasons)
  return (
    <article className="card stack" aria-label={item.title}>
      <div className="row spread">
        <h2>{item.title}</h2>
        <State state={state === 'running' ? 'started' : state === 'stopped' ? 'lost' : state} more={word} />
      </div>
      <progress max={Math.max(1, devices)} value={done} aria-label={item.title} />
      <div className="row spread">
        <span>{t.progress(count(done), count(devices))}</span>
        {state === 'running' && (
          <span className="soft">
            {t.perSecond(count(Math.round(item.ratePerSecond)))}
            {item.secondsLeft !== null && ` · ${t.left(duration(item.secondsLeft * 1_000))}`}
          </span>
        )}
      </div>
      <dl>
        {shown.map(([name, n]) => (
          <div key={name}>
            <dt>{t.counts[name] ?? name}</dt>
            <dd>{count(n)}</dd>
          </div>
        ))}
      </dl>
      {reasons.length > 0 && (
        <p className="soft">
          {t.about(t.reasons, reasons.map(([reason, n]) => `${reason} ${count(Number(n))}`).join(', '))}
        </p>
      )}
      {item.stopReason && <p className="notice bad">{item.stopReason}</p>}
      <span className="soft">
        {t.audiences[item.audience] ?? item.audience} · {t.priorities[item.priority] ?? item.priority} ·{' '}
        {dateTime(item.startedAt ?? item.scheduledAt ?? item.createdAt)}
      </span>
    </article>
  )
}
