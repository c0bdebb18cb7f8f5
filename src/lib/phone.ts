import { parsePhoneNumberFromString } from 'libphonenumber-js/min'

/**
 * A Senegalese phone number in E.164 (`+221771234567`), or null when the text is not one.
 * `77 123 45 67`, `00221771234567`, `221771234567` and `+221-77-123-45-67` are the same number.
 */
export function parsePhone(text: string): string | null {
  if (text.length > 40) return null
  const digits = text.replace(/^\s*\+/, '00').replace(/[\s().·-]/g, '')
  if (!/^\d+$/.test(digits)) return null
  const national = digits.replace(/^(00)?221(?=\d{9}$)/, '')
  if (!/^\d{9}$/.test(national)) return null
  const parsed = parsePhoneNumberFromString(national, 'SN')
  return parsed?.isPossible() && /^(7|33)/.test(national) ? parsed.number : null
}

/** Whether an E.164 number can receive an SMS: Senegalese mobiles start with 7. */
export const isMobile = (phone: string): boolean => /^\+2217\d{8}$/.test(phone)

/** A phone number for a log: `+221770000001` becomes `+22177*****01`; what is not one is masked whole. */
export const maskPhone = (phone: string): string =>
  /^\+221\d{9}$/.test(phone) ? `${phone.slice(0, 6)}*****${phone.slice(-2)}` : '*****'
