import { Type } from 'typebox'
import { defineTask } from '../../tasks/index.ts'

/** Sends one text that waits in the database; a person is waiting for it. */
export const sendSmsTask = defineTask({
  name: 'accounts.send-sms',
  payload: Type.Object({ smsId: Type.String({ format: 'uuid' }) }),
  queue: 'urgent',
  attempts: 4,
})
