/** Tariffs are data (tariffs.json, with sources); the engine is pure functions over them. */
export { tariffAt, tariffCodes, tariffVersions, usageTariff } from './data.ts'
export { amountForEnergy, billFor, type Circumstances, energyForAmount } from './engine.ts'
export { type Position, position, thresholdFor } from './position.ts'
export type { Receipt, StepShare } from './receipt.ts'
export type { Band, Tariff, TariffKind } from './schema.ts'
