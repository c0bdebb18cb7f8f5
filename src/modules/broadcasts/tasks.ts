import { Type } from 'typebox'
import { defineTask } from '../../tasks/index.ts'

/** Starts the walk of a broadcast's audience. What a lost message leaves undone, the sweep does. */
export const planTask = defineTask({
  name: 'broadcasts.plan',
  payload: Type.Object({ broadcastId: Type.String({ format: 'uuid' }) }, { additionalProperties: false }),
  queue: 'normal',
  attempts: 5,
})
