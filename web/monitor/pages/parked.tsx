import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { Act } from '../../shared/components/act.tsx'
import { count, dateTime } from '../../shared/language.ts'
import type { Operations, ParkedGroup, ParkedItem } from '../api.ts'
import { call } from '../client.ts'
import { Away, Rows, Seen, Title, useLook, useMayAct } from '../look.tsx'
import { useTexts } from '../texts.ts'

/** What was put aside for a person, by its cause. */
export function ParkedPage() {
  const t = useTexts()
  const look = useLook('GET /api/parked', { query: { limit: 1 } })
  return (
    <>
      <Title>{t.pages.parked}</Title>
      <Seen look={look}>
        {({ groups, broker, database }) => (
          <>
            <Away broker={broker} database={database} />
            {groups.length > 0 && <Groups groups={groups} />}
            {groups.length === 0 && broker === 'ok' && database === 'ok' && (
              <p className="card">{t.noParked}</p>
            )}
          </>
        )}
      </Seen>
    </>
  )
}

type Choice = NonNullable<Operations['POST /api/parked/replay']['body']>

/** What names the members of a group to the server. */
const choiceOf = ({ kind, name, queue, cause }: ParkedGroup) => ({
  kind,
  queue,
  cause,
  ...(name ? { name } : {}),
})

function Groups({ groups }: { groups: ParkedGroup[] }) {
  const t = useTexts()
  const mayAct = useMayAct()
  const [open, setOpen] = useState<string>()
  const keyOf = (group: ParkedGroup) => JSON.stringify(choiceOf(group))
  const opened = groups.find(group => keyOf(group) === open)
  return (
    <>
      <div className="card">
        <Rows
          label={t.pages.parked}
          items={groups}
          keyOf={keyOf}
          columns={[
            { title: t.causeCol, cell: group => <strong>{group.cause}</strong> },
            { title: t.kind, cell: group => group.name ?? t.delivery },
            { title: t.queue, cell: group => group.queue },
            { title: t.number, isNumber: true, cell: group => count(group.count) },
            { title: t.oldestAt, cell: group => dateTime(group.oldestAt) },
            {
              title: t.actions,
              cell: group => (
                <span className="row">
                  <button
                    type="button"
                    onClick={() => setOpen(open === keyOf(group) ? undefined : keyOf(group))}
                  >
                    {open === keyOf(group) ? t.hide : t.look}
                  </button>
                  {mayAct && <Replay choice={choiceOf(group)} of={group.count} />}
                  {mayAct && group.kind === 'task' && <Discard choice={choiceOf(group)} of={group.count} />}
                </span>
              ),
            },
          ]}
        />
      </div>
      {opened && <Members group={opened} />}
    </>
  )
}

function Members({ group }: { group: ParkedGroup }) {
  const t = useTexts()
  const mayAct = useMayAct()
  const look = useLook('GET /api/parked', { query: { ...choiceOf(group), limit: 100 } })
  const target = (item: ParkedItem) =>
    item.kind === 'task' ? (
      <Link to="/tasks/$id" params={{ id: item.id }}>
        <code>{item.id}</code>
      </Link>
    ) : (
      <code>{item.id}</code>
    )
  return (
    <section className="card">
      <h2>{group.cause}</h2>
      <Seen look={look}>
        {({ items }) => (
          <Rows
            label={group.cause}
            items={items}
            keyOf={item => item.id}
            columns={[
              { title: t.name, cell: target },
              { title: t.queue, cell: item => item.queue },
              { title: t.since, cell: item => dateTime(item.parkedAt) },
              {
                title: t.counts.devices ?? '',
                isNumber: true,
                cell: item => (item.kind === 'delivery' && item.size ? count(item.size) : '–'),
              },
              ...(mayAct
                ? [
                    {
                      title: t.actions,
                      cell: (item: ParkedItem) => (
                        <span className="row">
                          <Replay choice={{ ids: [item.id] }} of={1} />
                          {item.kind === 'task' && <Discard choice={{ ids: [item.id] }} of={1} />}
                        </span>
                      ),
                    },
                  ]
                : []),
            ]}
          />
        )}
      </Seen>
    </section>
  )
}

function Replay({ choice, of }: { choice: Choice; of: number }) {
  const t = useTexts()
  return (
    <Act
      label={t.replay}
      title={t.replay}
      words={t.words}
      run={async () => {
        const { replayed, matched, more } = await call('POST /api/parked/replay', { body: choice })
        const sent = replayed.tasks + replayed.deliveries
        if (sent === 0) throw new Error(t.notShown(count(matched)))
        const rest = sent < matched ? ` ${t.notShown(count(matched - sent))}` : ''
        return t.replayed(count(sent)) + rest + (more ? t.more500 : '')
      }}
    >
      <p>{t.replayText(count(of))}</p>
    </Act>
  )
}

function Discard({ choice, of }: { choice: Choice; of: number }) {
  const t = useTexts()
  return (
    <Act
      label={t.discard}
      title={t.discard}
      words={t.words}
      isDangerous
      run={async form => {
        const { discarded, matched, more } = await call('POST /api/parked/discard', {
          body: { ...choice, reason: String(form.get('reason')) },
        })
        if (discarded === 0) throw new Error(t.notShown(count(matched)))
        const rest = discarded < matched ? ` ${t.notShown(count(matched - discarded))}` : ''
        return t.discarded(count(discarded)) + rest + (more ? t.more500 : '')
      }}
    >
      <p>{t.discardText(count(of))}</p>
      <label>
        {t.reason}
        <input name="reason" minLength={3} maxLength={200} required />
      </label>
    </Act>
  )
}
