import { clientOf } from '../shared/client.ts'
import type { Operations } from './api.ts'

/** Asks the monitor. */
export const call = clientOf<Operations>()
