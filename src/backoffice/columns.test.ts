import { expect, test } from 'vitest'
import { date, number, phone, text, tokens, withoutZeros } from './columns.ts'

test('tokens keep their order, however the column separates them', () => {
  const [a, b] = ['12345678901234567890', '09876543210987654321']
  expect(tokens({ TOKEN: a }, 'TOKEN')).toEqual([a])
  expect(tokens({ TOKEN: `${a}${b}` }, 'TOKEN')).toEqual([a, b])
  expect(tokens({ TOKEN: '1234 5678 9012 3456 7890 ; 0987-6543-2109-8765-4321' }, 'TOKEN')).toEqual([a, b])
  expect(tokens({ TOKEN: `KCT1: ${a}, KCT2: ${b}` }, 'TOKEN')).toEqual([a, b])
  expect(tokens({ TOKEN: null }, 'TOKEN')).toEqual([])
  expect(tokens({ TOKEN: '123' }, 'TOKEN')).toEqual([])
})

test('the first Senegalese number of a free text is the phone', () => {
  expect(phone({ TEL: '77 123 45 67' }, 'TEL')).toBe('+221771234567')
  expect(phone({ TEL: 'bureau / 00221 33 800 11 22 ou 771234567' }, 'TEL')).toBe('+221338001122')
  expect(phone({ TEL: '0033 6 12 34 56 78' }, 'TEL')).toBeNull()
  expect(phone({ TEL: '   ' }, 'TEL')).toBeNull()
})

test('numbers are read from numbers and from text, and nothing is made of nonsense', () => {
  expect(number({ N: 12.5 }, 'N')).toBe(12.5)
  expect(number({ N: '1 234,5' }, 'N')).toBe(1234.5)
  expect(number({ N: '9007199254740991' }, 'N')).toBe(9_007_199_254_740_991)
  expect(number({ N: 'n/a' }, 'N')).toBeNull()
  expect(number({ N: null }, 'N')).toBeNull()
})

test('blanks are no text, and dates come as dates or as text', () => {
  expect(text({ T: '  ' }, 'T')).toBeNull()
  expect(date({ D: '2026-03-05' }, 'D')).toEqual(new Date('2026-03-05'))
  expect(date({ D: 'hier' }, 'D')).toBeNull()
})

test('identifiers are compared without the zeros in front', () => {
  expect(withoutZeros(' 001000000001 ')).toBe('1000000001')
  expect(withoutZeros('000')).toBe('0')
  expect(withoutZeros('P001')).toBe('P001')
})
