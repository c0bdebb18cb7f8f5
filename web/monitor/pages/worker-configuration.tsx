import { count, duration } from '../../shared/language.ts'
import type { Configuration } from '../api.ts'
import { Rows, Seen, useLook } from '../look.tsx'
import { useTexts } from '../texts.ts'

/** It does not change while the process lives: asked now and then, for a process that was started anew. */
const EVERY_MS = 30_000

/** What a worker is allowed, and with which settings it was started; by its own words, without secrets. */
export function WorkerConfiguration({ name }: { name: string }) {
  const t = useTexts()
  const look = useLook('GET /api/workers/{name}/configuration', { path: { name } }, EVERY_MS)
  return (
    <section className="card stack">
      <h2>{t.limits}</h2>
      <Seen look={look}>
        {told => (
          <>
            <Limits told={told} />
            <details>
              <summary>
                {t.configuration} ({count(told.settings.length)})
              </summary>
              <p className="soft">{t.configurationText}</p>
              <Settings settings={told.settings} />
            </details>
          </>
        )}
      </Seen>
    </section>
  )
}

function Limits({ told: { mostSlots, tasks } }: { told: Configuration }) {
  const t = useTexts()
  return (
    <>
      <p className="soft">{t.limitsText(count(mostSlots))}</p>
      <Rows
        label={t.limits}
        items={tasks}
        keyOf={task => task.name}
        columns={[
          { title: t.task, cell: task => task.name },
          { title: t.queue, cell: task => task.queue },
          { title: t.attempts, isNumber: true, cell: task => count(task.attempts) },
          { title: t.slowAfter, isNumber: true, cell: task => duration(task.slowMs) },
        ]}
      />
    </>
  )
}

/** Those that somebody chose come first. */
function Settings({ settings }: Pick<Configuration, 'settings'>) {
  const t = useTexts()
  const chosen = settings.filter(setting => !setting.isDefault)
  const others = settings.filter(setting => setting.isDefault)
  return (
    <Rows
      label={t.configuration}
      items={[...chosen, ...others]}
      keyOf={setting => setting.name}
      columns={[
        { title: t.setting, cell: setting => <code>{setting.name}</code> },
        {
          title: t.value,
          cell: ({ value }) =>
            value ? (
              <code>{value}</code>
            ) : (
              <span className="soft">{value === null ? t.isSecret : t.isEmpty}</span>
            ),
        },
        { title: t.whence, cell: ({ isDefault }) => (isDefault ? t.isDefault : t.isChosen) },
      ]}
    />
  )
}
