import fc from 'fast-check'
import { expect, it } from 'vitest'
import { maskedFields } from './masking.ts'

const digits = (least: number, most = least) =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: least, maxLength: most }).map(all => all.join(''))
const spaced = (text: string, at: readonly number[]) =>
  [...text].map((digit, i) => (at.includes(i) ? ` ${digit}` : digit)).join('')

/** A person's number as people and systems write it. */
const phone = fc
  .tuple(
    fc.constantFrom('70', '75', '76', '77', '78', '33'),
    digits(7),
    fc.constantFrom('+221', '00221', '221', ''),
    fc.boolean(),
  )
  .map(
    ([start, rest, prefix, isSpaced]) =>
      `${prefix}${isSpaced ? spaced(start + rest, [2, 5, 7]) : start + rest}`,
  )
const pin = digits(4, 6)
const purchase = digits(20).chain(token => fc.constantFrom(token, spaced(token, [4, 8, 12, 16])))
const word = fc.stringMatching(/^[A-Za-z0-9_-]{20,60}$/)
const jwt = fc.tuple(word, word, word).map(([header, body, mac]) => `eyJ${header}.${body}.${mac}`)
const name = fc.constantFrom('Awa Diop', 'Mamadou Ndiaye', 'Aïssatou Sow')

/** By which field it would come, and what it is. */
const secret = fc.oneof(
  fc.tuple(fc.constantFrom('phone', 'phones', 'PHONE'), phone),
  fc.tuple(fc.constantFrom('pin', 'code', 'newPin'), pin),
  fc.tuple(
    fc.constantFrom('token', 'accessToken', 'refreshToken', 'pushToken', 'authorization'),
    fc.oneof(jwt, word),
  ),
  fc.tuple(fc.constantFrom('firstName', 'lastName', 'customerName', 'title', 'body', 'address'), name),
)

/** The same, at any depth that is logged, in objects and lists. */
const nested = fc
  .tuple(secret, fc.array(fc.constantFrom('input', 'list'), { maxLength: 3 }))
  .map(([[field, value], path]) => ({
    value,
    fields: path.reduce<Record<string, unknown>>(
      (inner, step) => ({ [step]: step === 'list' ? [inner] : inner }),
      { [field]: value },
    ),
  }))

it('nothing of a person passes by the name of its field, however deep', () => {
  fc.assert(
    fc.property(nested, ({ fields, value }) => {
      expect(JSON.stringify(maskedFields({ event: 'x', ...fields }))).not.toContain(value)
    }),
  )
})

it('no number and no token passes in a text, whatever its field is called', () => {
  fc.assert(
    fc.property(fc.oneof(phone, jwt, purchase), fc.constantFrom('reason', 'what', 'note'), (value, field) => {
      expect(JSON.stringify(maskedFields({ event: 'x', [field]: `before ${value}, after` }))).not.toContain(
        value,
      )
    }),
  )
})

it('no number, PIN, token or quoted name passes in an error, nor in what caused it', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        phone,
        jwt,
        pin,
        purchase,
        name.map(who => `: "${who}"`),
      ),
      value => {
        const cause = Object.assign(new Error(`it was ${value}`), { detail: value, phone: value })
        const error = new Error(`failed for ${value}.`, { cause })
        const line = JSON.stringify(maskedFields({ event: 'x', error, list: [error] }))
        // Frames name files and lines of ours, whose digits are nobody's.
        const withoutFrames = line.replaceAll(/"stack":"[^"]*"/g, '')
        expect(withoutFrames).not.toContain(value)
        expect(line).not.toContain(`it was ${value}`)
      },
    ),
  )
})

it('what operators need stays: events, ids, routes, counts and codes of errors', () => {
  const fields = {
    event: 'request',
    requestId: '019b76da-a800-7c4b-9569-42c482582c28',
    route: '/v1/meters/:id/summary',
    status: 503,
    ms: 1_234_567,
    at: new Date(0),
  }
  expect(maskedFields(fields)).toEqual(fields)
  expect(
    maskedFields({ error: Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }) }),
  ).toMatchObject({
    error: {
      message: 'connect',
      errorCode: 'ECONNREFUSED',
      stack: expect.stringContaining('masking.test.ts'),
    },
  })
})
