import type { Queryable } from '../../db/index.ts'
import { newId } from '../../lib/id.ts'
import type { Ctx } from '../../services.ts'

export interface Act {
  /** What was done, `broadcast.create`. */
  action: string
  objectKind?: string
  objectId?: string
  /** Whose data it concerns. */
  customerId?: string | null
  /** What a reader of the audit needs beside; never a secret. */
  detail?: Record<string, unknown>
}

type Actor = Pick<Ctx, 'caller' | 'requestId'>

/** Writes an audit row in the transaction of what it tells about: who, what, on whose data, from which request. */
export const record = (tx: Queryable, ctx: Actor, act: Act): Promise<void> => recordEach(tx, ctx, [act])

/** As `record`, for several acts in one statement: the customers of one page, each of whom was shown. */
export async function recordEach(tx: Queryable, ctx: Actor, acts: readonly Act[]): Promise<void> {
  if (acts.length === 0) return
  await tx.query(
    `insert into audit (id, actor_id, actor_role, action, object_kind, object_id, customer_id, detail, request_id)
     select act.id, $1, $2, act.action, act.object_kind, act.object_id, act.customer_id, act.detail, $3
     from jsonb_to_recordset($4::jsonb) as act
       (id uuid, action text, object_kind text, object_id text, customer_id uuid, detail jsonb)`,
    [
      ctx.caller.id,
      ctx.caller.role,
      ctx.requestId,
      JSON.stringify(
        acts.map(act => ({
          id: newId(),
          action: act.action,
          object_kind: act.objectKind,
          object_id: act.objectId,
          customer_id: act.customerId,
          detail: act.detail ?? {},
        })),
      ),
    ],
  )
}
