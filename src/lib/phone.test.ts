import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isMobile, maskPhone, parsePhone } from './phone.ts'

const mobile = fc.stringMatching(/^7\d{8}$/)
const landline = fc.stringMatching(/^33\d{7}$/)
const prefix = fc.constantFrom('', '221', '00221', '+221', ' +221', '+221 ', '+221-', '00 221 ')
const gap = fc.constantFrom('', ' ', '-', '.', '\u00a0', '\u202f', '  ')

describe('a phone number', () => {
  it('is the same in E.164 however a person spells it', () => {
    fc.assert(
      fc.property(fc.oneof(mobile, landline), prefix, gap, (national, start, between) => {
        const groups = [national.slice(0, 2), national.slice(2, 5), national.slice(5, 7), national.slice(7)]
        expect(parsePhone(`${start}${groups.join(between)}`)).toBe(`+221${national}`)
      }),
    )
  })

  it('as documented: four spellings of one number', () => {
    for (const text of ['77 123 45 67', '00221771234567', '221771234567', '+221-77-123-45-67']) {
      expect(parsePhone(text)).toBe('+221771234567')
    }
  })

  it('read again from its E.164 form is itself', () => {
    fc.assert(
      fc.property(mobile, national => {
        const once = parsePhone(national)
        expect(once && parsePhone(once)).toBe(once)
      }),
    )
  })

  it('of any other text is null or E.164, and never an exception', () => {
    const nearly = fc.stringMatching(/^[+0-9 ().-]{0,45}$/)
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), nearly), text => {
        const phone = parsePhone(text)
        if (phone !== null) expect(phone).toMatch(/^\+221(7\d|33)\d{7}$/)
      }),
      { numRuns: 1_000 },
    )
  })

  it.each([
    ['another country', '+33612345678'],
    ['another country by its digits', '00336123456'],
    ['one digit short', '77123456'],
    ['one digit more', '7712345678'],
    ['neither mobile nor landline', '881234567'],
    ['letters', '77ABC4567'],
    ['two plus signs', '++221771234567'],
    ['the country twice', '221221771234567'],
    ['nothing', ''],
    ['very long', `77${'1'.repeat(100_000)}`],
  ])('%s is none', (_, text) => {
    expect(parsePhone(text)).toBeNull()
  })

  it('receives SMS when it is a mobile one', () => {
    expect(isMobile('+221771234567')).toBe(true)
    expect(isMobile('+221331234567')).toBe(false)
    expect(isMobile('771234567')).toBe(false)
  })

  it('shows neither the whole number nor a text that is none in a log', () => {
    expect(maskPhone('+221770000001')).toBe('+22177*****01')
    fc.assert(
      fc.property(fc.oneof(mobile, fc.string({ minLength: 6 })), text => {
        fc.pre(!text.includes('*'))
        expect(maskPhone(text)).not.toContain(text)
      }),
    )
  })
})
