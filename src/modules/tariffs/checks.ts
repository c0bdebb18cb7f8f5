import { Problem } from '../../lib/problems.ts'

export const refuse = (field: string, fr: string, en: string): never => {
  throw new Problem('invalid', { detail: { fr, en }, errors: [{ field, message: fr }] })
}

export function requireWhole(field: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    refuse(field, `Au moins ${least} F, en francs entiers`, `At least ${least} F, in whole francs`)
  }
}

export function requireEnergy(field: string, value: number): void {
  if (!Number.isFinite(value) || value < 0) {
    refuse(field, 'Une énergie en kWh, positive', 'An energy in kWh, not negative')
  }
}
