import { dateTime } from '../../shared/language.ts'
import { Away, Rows, Seen, Title, useLook } from '../look.tsx'
import { useTexts } from '../texts.ts'

/** Who did what here, the newest first. */
export function AuditPage() {
  const t = useTexts()
  const look = useLook('GET /api/audit', { query: { limit: 200 } })
  return (
    <>
      <Title>{t.pages.audit}</Title>
      <Seen look={look}>
        {({ items, database }) => (
          <>
            <Away database={database} />
            <div className="card">
              {items.length === 0 ? (
                <p className="soft">{database === 'ok' ? t.nothing : t.unknown}</p>
              ) : (
                <Rows
                  label={t.pages.audit}
                  items={items}
                  keyOf={row => row.id}
                  columns={[
                    { title: t.at, cell: row => dateTime(row.at) },
                    { title: t.who, cell: row => row.who },
                    { title: t.what, cell: row => row.action },
                    { title: t.onWhat, cell: row => row.object ?? '–' },
                    { title: t.detail, cell: row => <code>{shortened(row.detail)}</code> },
                  ]}
                />
              )}
            </div>
          </>
        )}
      </Seen>
    </>
  )
}

/** Lists of ids by their number: who wants each reads the audit log itself. */
function shortened(detail: Record<string, unknown>): string {
  return Object.entries(detail)
    .map(([key, value]) => `${key}: ${Array.isArray(value) ? `${value.length} ×` : String(value)}`)
    .join(', ')
}
