import fc from 'fast-check'
import { expect, it } from 'vitest'
import { matchKey, nameKey, withoutLeadingZeros } from './text.ts'

it('spellings of an agency that people take for the same have one key', () => {
  const spellings = [
    'Dakar-Plateau ',
    'DAKAR PLATEAU',
    'dakar_plateau',
    'Dakar  Plâteau',
    'Dakar Pla\u0302teau',
  ]
  expect(new Set(spellings.map(matchKey))).toEqual(new Set(['dakarplateau']))
})

it('different names keep different keys', () => {
  expect(matchKey('Thiès 1')).not.toBe(matchKey('Thiès 2'))
  expect(nameKey('Awa Diop')).not.toBe(nameKey('Awadi Op'))
})

it('a name is searched without case, accents and doubled spaces, its words apart', () => {
  expect(nameKey('  Aïssatou   N’Diaye ')).toBe('aissatou n diaye')
  expect(nameKey('AÏSSATOU N-DIAYE')).toBe('aissatou n diaye')
})

it('a key of a key is itself, in plain letters and digits, whatever the text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      expect(matchKey(text)).toMatch(/^[a-z0-9]*$/)
      expect(nameKey(text)).toMatch(/^([a-z0-9]+( [a-z0-9]+)*)?$/)
      expect(matchKey(matchKey(text))).toBe(matchKey(text))
      expect(nameKey(nameKey(text))).toBe(nameKey(text))
    }),
  )
})

it('a contract account is the same with and without the zeros before it', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[1-9]\d{0,11}$/), fc.nat(8), (digits, zeros) => {
      expect(withoutLeadingZeros('0'.repeat(zeros) + digits)).toBe(digits)
    }),
  )
  expect(withoutLeadingZeros('000')).toBe('0')
})
