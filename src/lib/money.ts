/** Whole francs from a decimal amount of the back office; halves go away from zero. */
export const wholeXof = (amount: number): number => Math.sign(amount) * Math.round(Math.abs(amount)) + 0

/** Energy in kWh with at most two decimals, as the API shows it. */
export const roundKwh = (kwh: number): number => Math.round(kwh * 100) / 100
