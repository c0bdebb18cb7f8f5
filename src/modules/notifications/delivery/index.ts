/** Units of sending: written with what they are about, sent, tried again, accounted for. */
export { type Audience, countAudience, targetsOf } from './audience.ts'
export {
  cancelBroadcast,
  expireBroadcast,
  expireParked,
  pauseBroadcast,
  releaseUnits,
  resumeBroadcast,
  settleBroadcast,
  tellProgress,
} from './broadcast.ts'
export { type Progress, progressOf } from './broadcast-sql.ts'
export { createDeliveries } from './create.ts'
export { type DueDeliveries, dueDeliveries } from './due.ts'
export { deliveryHandlers } from './handlers.ts'
export { type ParkedDelivery, parkedDeliveries, replayDeliveries } from './parked.ts'
export { planBroadcast } from './plan.ts'
export { reviveDeliveries, sweepDeliveries } from './sweep.ts'
export { countWishes } from './wishes-sql.ts'
