import { hasLuhn } from '../../lib/luhn.ts'
import { Problem } from '../../lib/problems.ts'
import { withoutLeadingZeros } from '../../lib/text.ts'
import type { MeterKind } from './schema.ts'

/** SAP's contract accounts have twelve digits, zeros on the left among them. */
const LONGEST_ACCOUNT = 12

/**
 * A number as it is kept: without spaces; a Woyofal meter has eleven digits, a contract account loses its leading zeros.
 * `Problem('invalid')` for anything else.
 */
export function normalNumber(kind: MeterKind, written: string): string {
  const digits = written.replace(/\s/g, '')
  if (kind === 'prepaid') {
    return /^\d{11}$/.test(digits)
      ? digits
      : refuse('Un numéro de compteur a 11 chiffres', 'A meter number has 11 digits')
  }
  const account = withoutLeadingZeros(digits)
  return /^\d+$/.test(account) && account.length <= LONGEST_ACCOUNT
    ? account
    : refuse('Un compte contrat a au plus 12 chiffres', 'A contract account has at most 12 digits')
}

/** Whether the last digit contradicts the others. Worth a warning, never a refusal: the digit is only meant to be Luhn's. */
export const looksMistyped = (kind: MeterKind, number: string): boolean =>
  kind === 'prepaid' && !hasLuhn(number)

function refuse(fr: string, en: string): never {
  throw new Problem('invalid', { detail: { fr, en }, errors: [{ field: 'number', message: en }] })
}
