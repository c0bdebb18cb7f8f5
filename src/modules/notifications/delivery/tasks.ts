import { Type } from 'typebox'
import { defineTask } from '../../../tasks/index.ts'

/** Sends one unit of deliveries. A message for a unit that is done, taken by another or not due does nothing. */
export const deliverTask = defineTask({
  name: 'notifications.deliver',
  payload: Type.Object(
    {
      deliveryId: Type.String({ format: 'uuid' }),
      /** Of what is one of many. */
      broadcastId: Type.Optional(Type.String({ format: 'uuid' })),
    },
    { additionalProperties: false },
  ),
  queue: 'normal',
  attempts: 5,
})

/** The message of a unit. */
export const messageOf = ({ id, broadcastId }: { id: string; broadcastId?: string | null | undefined }) => ({
  deliveryId: id,
  ...(broadcastId ? { broadcastId } : {}),
})
