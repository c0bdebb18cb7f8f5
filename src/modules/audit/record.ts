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

/** Who did it: an account with its role, or somebody without one, named in the role. */
export interface Actor {
  id: string | null
  role: string
  requestId: string
}

/** Writes an audit row in the transaction of what it tells about: who, what, on whose data, from which request. */
export const record = (tx: Queryable, ctx: Pick<Ctx, 'caller' | 'requestId'>, act: Act): Promise<void> =>
  recordEach(tx, ctx, [act])

/** As `record`, for several acts in one statement: the customers of one page, each of whom was shown. */
export const recordEach = (
  tx: Queryable,
  { caller, requestId }: Pick<Ctx, 'caller' | 'requestId'>,
  acts: readonly Act[],
): Promise<void> => recordAs(tx, { id: caller.id, role: caller.role, requestId }, acts)

/** As `recordEach`, for who has no account: an operator at the task monitor. */
export async function recordAs(tx: Queryable, actor: Actor, acts: readonly Act[]): Promise<void> {
  if (acts.length === 0) return
  await tx.query(
    `insert into audit (id, actor_id, actor_role, action, object_kind, object_id, customer_id, detail, request_id)
     select act.id, $1, $2, act.action, act.object_kind, act.object_id, act.customer_id, act.detail, $3
     from jsonb_to_recordset($4::jsonb) as act
       (id uuid, action text, object_kind text, object_id text, customer_id uuid, detail jsonb)`,
    [
      actor.id,
      actor.role,
      actor.requestId,
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
