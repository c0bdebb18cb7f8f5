/** The check digit that Woyofal meters end with (ISO/IEC 7812-1), of the digits before it. */
export function luhnDigit(digits: string): string {
  let sum = 0
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i])
    const doubled = i % 2 === 0 ? digit * 2 : digit
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return String((10 - (sum % 10)) % 10)
}

/** Digits followed by their check digit. */
export const withLuhn = (digits: string): string => digits + luhnDigit(digits)

/** Whether the last digit is the check digit of the others. */
export const hasLuhn = (number: string): boolean => luhnDigit(number.slice(0, -1)) === number.at(-1)
