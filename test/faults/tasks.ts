import { Type } from 'typebox'
import { defineTask } from '../../src/tasks/index.ts'

/** Ends the process that takes it, at once. */
export const crashTask = defineTask({
  name: 'faults.crash',
  payload: Type.Object({}, { additionalProperties: false }),
  queue: 'normal',
  attempts: 5,
})

/** Writes a line, so that it can be told whether it ran. */
export const noteTask = defineTask({
  name: 'faults.note',
  payload: Type.Object({ note: Type.String({ maxLength: 100 }) }, { additionalProperties: false }),
  queue: 'normal',
  attempts: 5,
})
