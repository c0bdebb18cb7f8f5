/** The seven digits of a customer, as a number from 0 to 9,999,999, are all that this world is made from. */
export const CUSTOMERS = 10_000_000

/** The number of the demo's customer, whose history is always worth looking at. */
export const DEMO_CUSTOMER = 1

export const sevenDigits = (n: number): string => String(n).padStart(7, '0')

/** The check digit of ISO/IEC 7812-1 (Luhn) for a row of digits. */
export function luhnDigit(payload: string): string {
  let sum = 0
  for (let i = 0; i < payload.length; i++) {
    const digit = payload.charCodeAt(payload.length - 1 - i) - 48
    const weighed = i % 2 === 0 ? digit * 2 : digit
    sum += weighed > 9 ? weighed - 9 : weighed
  }
  return String((10 - (sum % 10)) % 10)
}

export const meterOf = (n: number): string => {
  const payload = `141${sevenDigits(n)}`
  return payload + luhnDigit(payload)
}

/** Whose prepaid meter it is, or null when the number is of another form. */
export function customerOfMeter(meter: string): number | null {
  if (!/^141\d{8}$/.test(meter)) return null
  return luhnDigit(meter.slice(0, 10)) === meter[10] ? Number(meter.slice(3, 10)) : null
}

/** Twelve digits, as SAP keeps it. */
export const accountOf = (n: number): string => `00100${sevenDigits(n)}`

/** Whose contract account it is, with or without its leading zeros, or null when the number is of another form. */
export function customerOfAccount(account: string): number | null {
  const found = /^0{0,2}100(\d{7})$/.exec(account)
  return found ? Number(found[1]) : null
}
