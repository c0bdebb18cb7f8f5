import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeCursor, encodeCursor, INSTANT, UUID } from './cursor.ts'
import { newId } from './id.ts'
import { Problem } from './problems.ts'

const instant = fc
  .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
  .map(date => date.toISOString())

const refused = (cursor: string) => {
  try {
    return decodeCursor(cursor, INSTANT, UUID)
  } catch (error) {
    expect(error).toBeInstanceOf(Problem)
    expect(error).toMatchObject({ code: 'invalid', errors: [{ field: 'cursor' }] })
    return null
  }
}

describe('a cursor', () => {
  it('gives back the keys it was made of', () => {
    fc.assert(
      fc.property(instant, fc.uuid(), (at, id) => {
        const cursor = encodeCursor(at, id)
        expect(cursor).toMatch(/^[\w-]+$/)
        expect(decodeCursor(cursor, INSTANT, UUID)).toEqual([at, id])
      }),
    )
  })

  it('reads instants as PostgreSQL writes them in JSON', () => {
    const at = '2026-03-07T23:30:00.123456+00:00'
    expect(decodeCursor(encodeCursor(at), INSTANT)).toEqual([at])
  })

  it('that was tampered with is refused, or is one that we could have given', () => {
    const cursor = encodeCursor('2026-03-07T23:30:00.000Z', newId())
    fc.assert(
      fc.property(fc.nat(cursor.length - 1), fc.constantFrom(...'aZ0_-'), (at, letter) => {
        const keys = refused(cursor.slice(0, at) + letter + cursor.slice(at + 1))
        if (keys) expect(INSTANT.test(keys[0] ?? '') && UUID.test(keys[1] ?? '')).toBe(true)
      }),
    )
  })

  it('made of anything else is refused and never thrown as an error of ours', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), text => void expect(refused(text)).toBeNull()))
    fc.assert(
      fc.property(
        fc.json(),
        json => void expect(refused(Buffer.from(json).toString('base64url'))).toBeNull(),
      ),
    )
  })

  it('of another list is refused: another number of keys, keys of another shape', () => {
    expect(refused(encodeCursor(newId()))).toBeNull()
    expect(refused(encodeCursor(newId(), newId()))).toBeNull()
    expect(refused(encodeCursor('2026-03-07T23:30:00.000Z', newId(), newId()))).toBeNull()
  })

  it.each([
    '2026-02-30T00:00:00Z',
    '2025-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-10T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:60:00Z',
    '0000-01-01T00:00:00Z',
    '2026-01-01T00:00:00+99:00',
  ])('holding %s, which no calendar has, is refused before PostgreSQL sees it', at => {
    expect(refused(encodeCursor(at, newId()))).toBeNull()
  })

  it('may hold the 29th of February of a leap year', () => {
    expect(INSTANT.test('2028-02-29T00:00:00Z') && INSTANT.test('2000-02-29T00:00:00Z')).toBe(true)
    expect(INSTANT.test('2100-02-29T00:00:00Z')).toBe(false)
  })
})
