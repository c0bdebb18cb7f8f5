import { randomBytes, randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Problem } from '../lib/problems.ts'
import type { Storage } from './types.ts'

const MEGABYTE = 1024 * 1024

/** What every storage promises. It keeps files of at most 10 MB. */
export function promisesOfStorage(name: string, open: () => Promise<Storage>): void {
  describe(name, () => {
    let storage: Storage
    beforeAll(async () => {
      storage = await open()
    })
    afterAll(() => storage.close())

    const newKey = () => `uploads/${randomUUID()}`
    const put = (key: string, bytes: Buffer | string, type = 'text/plain') =>
      storage.put(key, { body: Readable.from([Buffer.from(bytes)]), size: Buffer.byteLength(bytes), type })
    const read = async (key: string, range?: { from: number; to?: number }) => {
      const part = await storage.get(key, range)
      return part && { ...part, body: (await buffer(part.body)).toString() }
    }

    it('gives back what was put, with its type and size, in any of its buckets', async () => {
      for (const bucket of ['avatars', 'documents', 'uploads']) {
        const key = `${bucket}/2026/${randomUUID()}.jpg`
        const before = Date.now()
        await put(key, 'été', 'image/jpeg; q="1"')
        const file = { size: 5, type: 'image/jpeg; q="1"' }
        expect(await read(key)).toMatchObject({ ...file, from: 0, length: 5, body: 'été' })
        const head = await storage.head(key)
        expect(head).toMatchObject(file)
        expect(head?.modifiedAt).toBeGreaterThan(before - 2_000)
        expect(head?.modifiedAt).toBeLessThan(Date.now() + 2_000)
      }
      expect(storage.state()).toBe('ok')
    })

    it('keeps an empty file', async () => {
      const key = newKey()
      await put(key, '')
      expect(await read(key)).toMatchObject({ size: 0, length: 0, body: '' })
      expect(await read(key, { from: 0 })).toMatchObject({ size: 0, length: 0, body: '' })
    })

    it('carries the largest file as a stream', async () => {
      const key = newKey()
      const chunk = randomBytes(MEGABYTE / 4)
      await storage.put(key, {
        body: Readable.from(Array.from({ length: 40 }, () => chunk)),
        size: 10 * MEGABYTE,
        type: 'application/octet-stream',
      })
      // Who stops reading leaves the rest.
      const part = await storage.get(key)
      for await (const _piece of part?.body ?? []) break
      expect(part?.body.destroyed).toBe(true)
      const whole = await storage.get(key)
      expect(
        (await buffer(whole?.body ?? Readable.from([]))).equals(Buffer.concat(Array(40).fill(chunk))),
      ).toBe(true)
    })

    it('knows nothing of what is not there', async () => {
      const key = newKey()
      expect(await storage.get(key)).toBeUndefined()
      expect(await storage.get(key, { from: 5 })).toBeUndefined()
      expect(await storage.head(key)).toBeUndefined()
      await storage.delete(key)
      expect(storage.state()).toBe('ok')
    })

    it('gives a part of a file, clipped to what there is', async () => {
      const key = newKey()
      await put(key, '0123456789')
      expect(await read(key, { from: 2, to: 4 })).toMatchObject({ from: 2, length: 3, size: 10, body: '234' })
      expect(await read(key, { from: 7 })).toMatchObject({ from: 7, length: 3, size: 10, body: '789' })
      expect(await read(key, { from: 8, to: 99 })).toMatchObject({ from: 8, length: 2, body: '89' })
      expect(await read(key, { from: 10 })).toMatchObject({ from: 10, length: 0, size: 10, body: '' })
      expect(await read(key, { from: 5, to: 4 })).toMatchObject({ length: 0, size: 10, body: '' })
      await expect(storage.get(key, { from: -1 })).rejects.toThrow(RangeError)
      await expect(storage.get(key, { from: 0.5 })).rejects.toThrow(RangeError)
    })

    it('puts a file in place of the one that was there, and takes it away', async () => {
      const key = newKey()
      await put(key, 'old')
      await put(key, 'newer', 'text/html')
      expect(await read(key)).toMatchObject({ size: 5, type: 'text/html', body: 'newer' })
      await storage.delete(key)
      expect(await storage.head(key)).toBeUndefined()
    })

    it('changes nothing when a stream breaks, or has more or fewer bytes than was said', async () => {
      const key = newKey()
      await put(key, 'as it was')
      const broken = async function* () {
        yield Buffer.from('part')
        throw new Error('the phone is gone')
      }
      const type = 'text/plain'
      await expect(storage.put(key, { body: Readable.from(broken()), size: 10, type })).rejects.toThrow(
        'the phone is gone',
      )
      for (const size of [3, 5, 100_000]) {
        const problem = await storage
          .put(key, { body: Readable.from([Buffer.from('four')]), size, type })
          .then(
            () => undefined,
            (error: unknown) => error,
          )
        expect(problem).toBeInstanceOf(Problem)
        expect(problem).toMatchObject({ code: 'malformed' })
      }
      expect(await read(key)).toMatchObject({ body: 'as it was' })
      expect(storage.state()).toBe('ok')
    })

    it('refuses what is too large before reading any of it', async () => {
      let isRead = false
      const body = new Readable({
        read() {
          isRead = true
          this.push(null)
        },
      })
      await expect(
        storage.put(newKey(), { body, size: 10 * MEGABYTE + 1, type: 'text/plain' }),
      ).rejects.toMatchObject({ code: 'too_large' })
      expect(isRead).toBe(false)
      await expect(storage.put(newKey(), { body, size: -1, type: 'text/plain' })).rejects.toThrow(RangeError)
    })

    it('takes no key that is not in its buckets, or could lead out of them', async () => {
      for (const key of [
        '',
        'uploads',
        'uploads/',
        '/uploads/x',
        'secrets/x',
        'uploads/../avatars/x',
        'uploads/a/../../x',
        'uploads/./x',
        'uploads/a//x',
        'uploads/.hidden',
        'uploads/a/',
        'uploads/a\\x',
        'uploads/a\u0000x',
        'uploads/a%2fx',
        'uploads/é',
        `uploads/${'x'.repeat(200)}`,
      ]) {
        await expect(storage.head(key)).rejects.toThrow(RangeError)
        await expect(storage.get(key)).rejects.toThrow(RangeError)
        await expect(storage.delete(key)).rejects.toThrow(RangeError)
        await expect(put(key, 'x')).rejects.toThrow(RangeError)
      }
      await expect(storage.list('secrets/')).rejects.toThrow(RangeError)
      await expect(storage.list('')).rejects.toThrow(RangeError)
      await expect(put(newKey(), 'x', 'text/plain\nx')).rejects.toThrow(RangeError)
    })

    it('lists keys by their beginning, in order, page by page', async () => {
      const folder = `documents/${randomUUID()}`
      const keys = ['a', 'a/b', 'a/c', 'b', 'c.pdf'].map(name => `${folder}/${name}`)
      for (const key of [...keys].reverse()) await put(key, 'x')
      const listed = async (prefix: string, after?: string) =>
        (await storage.list(prefix, after)).map(({ key }) => key)
      expect(await listed(`${folder}/`)).toEqual(keys)
      expect(await listed(`${folder}/a/`)).toEqual(keys.slice(1, 3))
      expect(await listed(`${folder}/`, keys[2])).toEqual(keys.slice(3))
      expect(await listed(`${folder}/none`)).toEqual([])
      expect(await storage.list(`${folder}/c`)).toMatchObject([{ key: keys[4], size: 1 }])
    })
  })
}
