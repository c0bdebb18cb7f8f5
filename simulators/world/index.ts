/** The computed world of the company's systems; everything else in this folder is private to it. */
export { type Everyday, everyday } from './everyday.ts'
export { accountOf, meterOf } from './numbers.ts'
export type { BillRow, PostpaidAccountRow, PrepaidMeterRow, TopUpRow, World } from './types.ts'
export { createWorld, type WorldOptions } from './world.ts'
