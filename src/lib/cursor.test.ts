import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeCursor, encodeCursor, UUID } from './cursor.ts'
import { newId } from './id.ts'
import { Problem } from './problems.ts'

const NUMBER = /^\d{1,6}$/
const number = fc.nat(999_999).map(String)

const refused = (cursor: string) => {
  try {
    return decodeCursor(cursor, NUMBER, UUID)
  } catch (error) {
    expect(error).toBeInstanceOf(Problem)
    expect(error).toMatchObject({ code: 'invalid', errors: [{ field: 'cursor' }] })
    return null
  }
}

describe('a cursor', () => {
  it('gives back the keys it was made of', () => {
    fc.assert(
      fc.property(number, fc.uuid(), (at, id) => {
        const cursor = encodeCursor(at, id)
        expect(cursor).toMatch(/^[\w-]+$/)
        expect(decodeCursor(cursor, NUMBER, UUID)).toEqual([at, id])
      }),
    )
  })

  it('that was tampered with is refused, or is one that we could have given', () => {
    const cursor = encodeCursor('4711', newId())
    fc.assert(
      fc.property(fc.nat(cursor.length - 1), fc.constantFrom(...'aZ0_-'), (at, letter) => {
        const keys = refused(cursor.slice(0, at) + letter + cursor.slice(at + 1))
        if (keys) expect(NUMBER.test(keys[0] ?? '') && UUID.test(keys[1] ?? '')).toBe(true)
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
    expect(refused(encodeCursor('4711', newId(), newId()))).toBeNull()
  })
})
