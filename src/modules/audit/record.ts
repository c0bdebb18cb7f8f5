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

/** Writes an audit row in the transaction of what it tells about: who, what, on whose data, from which request. */
export async function record(tx: Queryable, ctx: Pick<Ctx, 'caller' | 'requestId'>, act: Act): Promise<void> {
  await tx.query(
    `insert into audit (id, actor_id, actor_role, action, object_kind, object_id, customer_id, detail, request_id)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      newId(),
      ctx.caller.id,
      ctx.caller.role,
      act.action,
      act.objectKind ?? null,
      act.objectId ?? null,
      act.customerId ?? null,
      JSON.stringify(act.detail ?? {}),
      ctx.requestId,
    ],
  )
}
