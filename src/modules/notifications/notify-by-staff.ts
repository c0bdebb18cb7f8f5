import { type Answer, once } from '../../http/index.ts'
import { Problem } from '../../lib/problems.ts'
import { withoutLeadingZeros } from '../../lib/text.ts'
import type { Ctx } from '../../services.ts'
import { record } from '../audit/index.ts'
import { notifyEach } from './notify.ts'
import type { StaffNotification } from './schema.ts'
import { selectCustomer, selectCustomersOfMeter } from './sql-accept.ts'

/** A meter shared by more people than this is told by a broadcast. */
const MOST_OF_ONE_METER = 100

/**
 * Tells one customer, or each customer linked to a meter, something: an agent those of their agency alone. Once per
 * idempotency key, which staff must give. `Problem('not_found')` when nobody is there to be told.
 */
export async function notifyByStaff(
  ctx: Ctx,
  idempotencyKey: string | undefined,
  input: StaffNotification,
): Promise<Answer> {
  if (idempotencyKey === undefined) throw new Problem('idempotency_key_required')
  if ((input.customerId === undefined) === (input.meterNumber === undefined)) refuseRecipient()
  const request = {
    callerId: ctx.caller.id,
    route: 'POST /v1/admin/notifications',
    key: idempotencyKey,
    body: input,
  }
  return once(ctx.db, request, async tx => {
    const customerIds = await recipients(tx, ctx, input)
    if (customerIds.length === 0) throw new Problem('not_found')
    if (customerIds.length > MOST_OF_ONE_METER) refuseTooMany()
    const { priority = 'normal', type = 'message', content, expiresIn } = input
    const notification = {
      type,
      priority,
      content,
      createdBy: ctx.caller.id,
      requestId: ctx.requestId,
      ...(expiresIn === undefined ? {} : { expiresInSeconds: expiresIn }),
    }
    const ids = await notifyEach(
      tx,
      ctx,
      customerIds.map(customerId => ({ ...notification, customerId })),
    )
    for (const [i, customerId] of customerIds.entries()) {
      await record(tx, ctx, {
        action: 'notification.create',
        objectKind: 'notification',
        objectId: ids[i] as string,
        customerId,
        detail: { type, priority, ...(input.meterNumber ? { meterNumber: input.meterNumber } : {}) },
      })
    }
    return { status: 202, body: { id: ids[0], ids } }
  })
}

async function recipients(
  tx: Parameters<typeof selectCustomer>[0],
  { caller }: Ctx,
  { customerId, meterNumber = '' }: StaffNotification,
): Promise<string[]> {
  const scope = caller.role === 'admin' ? 'all' : (caller.agencyId as number)
  if (customerId !== undefined) return selectCustomer(tx, customerId, scope)
  const prepaid = meterNumber.replaceAll(' ', '')
  const number = { prepaid, postpaid: withoutLeadingZeros(prepaid) }
  return selectCustomersOfMeter(tx, number, scope, MOST_OF_ONE_METER + 1)
}

function refuseRecipient(): never {
  throw new Problem('invalid', {
    detail: {
      fr: 'Donnez soit customerId, soit meterNumber.',
      en: 'Give either customerId or meterNumber.',
    },
    errors: [{ field: 'customerId', message: 'or meterNumber, one of them' }],
  })
}

function refuseTooMany(): never {
  throw new Problem('invalid', {
    detail: {
      fr: `Plus de ${MOST_OF_ONE_METER} personnes suivent ce compteur : passez par une diffusion.`,
      en: `More than ${MOST_OF_ONE_METER} people follow this meter: send a broadcast.`,
    },
    errors: [{ field: 'meterNumber', message: 'is followed by too many' }],
  })
}
