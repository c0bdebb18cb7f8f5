import { databaseCheck } from './database.ts'
import { machineChecks } from './machine.ts'
import { rabbitMqCheck, redisCheck } from './messaging.ts'
import { outsideChecks } from './outside.ts'
import { serviceChecks } from './services.ts'
import { storageCheck } from './storage.ts'
import type { Check, Patient } from './types.ts'

export { examine, exitCode } from './examine.ts'
export type { Examined, Patient, Words } from './types.ts'

/** Every check of the complete health check, in the order in which it is told. */
export const allChecks = (patient: Patient): Check[] => [
  ...machineChecks(patient),
  databaseCheck(patient),
  storageCheck(patient),
  redisCheck(patient),
  rabbitMqCheck(patient),
  ...serviceChecks(patient),
  ...outsideChecks(patient),
]
