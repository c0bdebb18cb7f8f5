import { Problem } from '../../lib/problems.ts'

// Beside what the rules below find: patterns of the keypad and pairs, from public studies of leaked PINs.
const COMMON = new Set([
  ...['1004', '1010', '1122', '1212', '1313', '1337', '2020', '2112', '2121', '2211', '2468', '2580', '0852'],
  ...['1357', '1397', '3711', '6969', '7410', '7531', '8520', '9630', '4200', '0007', '1112', '1122', '2233'],
  ...['12321', '13579', '24680', '12344', '11223', '10101', '14789', '25800', '00700'],
  ...['112233', '123123', '123321', '121212', '101010', '131313', '147258', '159753', '159357', '789456'],
  ...['456123', '741852', '963852', '147852', '135790', '246810', '696969', '332211', '112211', '100200'],
])

/** `Problem('pin_too_simple')` for a PIN that others guess first. `phone` in E.164. */
export function refuseObviousPin(pin: string, phone: string): void {
  if (isObvious(pin, phone)) {
    throw new Problem('pin_too_simple', {
      detail: {
        fr: 'Évitez les chiffres répétés ou qui se suivent, les années et votre numéro de téléphone.',
        en: 'Avoid repeated or consecutive digits, years and your phone number.',
      },
      errors: [{ field: 'pin', message: 'is too easy to guess' }],
    })
  }
}

const isObvious = (pin: string, phone: string): boolean =>
  isRow(pin, 0) ||
  isRow(pin, 1) ||
  isRow(pin, -1) ||
  /^(19|20)\d\d$/.test(pin) ||
  phone.includes(pin) ||
  COMMON.has(pin)

/** Whether each digit is the one before plus `step`, 9 and 0 being neighbours as on a keypad. */
const isRow = (pin: string, step: number): boolean =>
  [...pin].every((digit, i) => i === 0 || Number(digit) === (Number(pin[i - 1]) + step + 10) % 10)
