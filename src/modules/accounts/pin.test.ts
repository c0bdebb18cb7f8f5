import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Problem } from '../../lib/problems.ts'
import { refuseObviousPin } from './pin.ts'

const PHONE = '+221771234567'
const refused = (pin: string, phone = PHONE): boolean => {
  try {
    refuseObviousPin(pin, phone)
    return false
  } catch (error) {
    return error instanceof Problem && error.code === 'pin_too_simple'
  }
}

describe('an obvious PIN is refused', () => {
  it.each([
    ['one digit over and over', ['0000', '11111', '999999']],
    [
      'digits that follow each other, up or down',
      ['1234', '0123', '6789', '7890', '4321', '98765', '654321'],
    ],
    ['a year', ['1960', '1999', '2000', '2026']],
    ['a part of the phone number', ['7712', '1234', '4567', '34567', '234567']],
    ['what the world chooses most', ['2580', '1212', '6969', '1122', '123123', '112233', '159753']],
  ])('%s', (_, pins) => {
    expect(pins.filter(pin => !refused(pin))).toEqual([])
  })

  it('and an ordinary one is not', () => {
    expect(['7394', '2846', '8052', '5918', '40713', '905172'].filter(pin => refused(pin))).toEqual([])
  })

  it('whatever the phone, any stretch of its digits is refused', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 9_999_999 }),
        fc.integer({ min: 0, max: 5 }),
        fc.integer({ min: 4, max: 6 }),
        (n, from, length) => {
          const phone = `+22177${String(n).padStart(7, '0')}`
          const pin = phone.slice(4).slice(from, from + length)
          return pin.length < 4 || refused(pin, phone)
        },
      ),
    )
  })
})
