import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Shelf } from './types.ts'

export interface OpenedShelf {
  /** Takes texts of at most 1,000 characters. */
  shelf: Shelf
  wait(ms: number): Promise<void>
  close(): Promise<void>
}

/** What every shelf promises. */
export function promisesOfShelf(name: string, open: () => Promise<OpenedShelf>): void {
  describe(name, () => {
    let opened: OpenedShelf
    let shelf: Shelf
    beforeAll(async () => {
      opened = await open()
      shelf = opened.shelf
    })
    afterAll(() => opened.close())

    it('gives back what was put last, and nothing for what was not', async () => {
      const key = randomUUID()
      expect(await shelf.get(key)).toBeNull()
      for (const text of ['', 'été\n\u0000', 'x'.repeat(1_000)]) {
        await shelf.put(key, text, 60_000)
        expect(await shelf.get(key)).toBe(text)
      }
      expect(await shelf.get(`${key} `)).toBeNull()
    })

    it('forgets when the time is over', async () => {
      const key = randomUUID()
      await shelf.put(key, 'brief', 700)
      expect(await shelf.get(key)).toBe('brief')
      await opened.wait(701)
      expect(await shelf.get(key)).toBeNull()
    })

    it('refuses what is too long, and keeps what was there', async () => {
      const key = randomUUID()
      await shelf.put(key, 'short', 60_000)
      await expect(shelf.put(key, 'x'.repeat(1_001), 60_000)).rejects.toThrow(RangeError)
      expect(await shelf.get(key)).toBe('short')
    })
  })
}
