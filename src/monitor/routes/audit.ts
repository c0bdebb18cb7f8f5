import { Type } from 'typebox'
import type { App } from '../../http/fastify.ts'
import { Cursor, Strict } from '../../http/schemas.ts'
import { decodeCursor, encodeCursor, UUID } from '../../lib/cursor.ts'
import { AuditPage } from '../answers/people.ts'
import type { Desk } from '../desk.ts'

const Query = Strict({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 100 })),
  cursor: Type.Optional(Cursor),
})

interface Row {
  id: string
  at: Date
  who: string
  action: string
  object: string | null
  detail: Record<string, unknown>
  requestId: string | null
}

/** What operators did here, the newest first. */
export function auditRoutes(app: App, desk: Desk): void {
  app.get('/api/audit', { schema: { querystring: Query, response: { 200: AuditPage } } }, async request => {
    const { limit = 100, cursor } = request.query
    const [before] = cursor === undefined ? [undefined] : decodeCursor(cursor, UUID)
    const rows = await desk.hear('audit', () =>
      desk.db.query<Row>(
        `select id, at, actor_role who, action, object_id object, detail, request_id "requestId" from audit
         where actor_role like 'monitor:%' and ($2::uuid is null or id < $2) order by id desc limit $1`,
        [limit + 1, before ?? null],
      ),
    )
    const page = rows.value?.slice(0, limit) ?? []
    const last = (rows.value?.length ?? 0) > limit ? page.at(-1) : undefined
    return { items: page, nextCursor: last ? encodeCursor(last.id) : null, database: rows.state }
  })
}
