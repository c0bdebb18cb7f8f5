import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { folderStorage } from './index.ts'
import { promisesOfStorage } from './storage.contract.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'samaconso-storage-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

promisesOfStorage('a folder', async () => folderStorage({ folder }))

const type = 'text/plain'

it('who reads goes on reading the file that was there when another takes its place', async () => {
  const storage = folderStorage({ folder })
  const put = (letter: string) =>
    storage.put('uploads/x', { body: Readable.from([letter.repeat(1_000_000)]), size: 1_000_000, type })
  await put('a')
  const part = await storage.get('uploads/x')
  await put('b')
  await storage.delete('uploads/x')
  expect(await text(part?.body ?? Readable.from([]))).toBe('a'.repeat(1_000_000))
})

it('leaves nothing of what was never finished', async () => {
  const storage = folderStorage({ folder })
  await expect(storage.put('uploads/y', { body: Readable.from(['x']), size: 2, type })).rejects.toThrow()
  expect(await readdir(join(folder, 'unfinished'))).toEqual([])
  // As a process does that was killed.
  await writeFile(join(folder, 'unfinished', 'left'), 'x')
  folderStorage({ folder })
  expect(await readdir(join(folder, 'unfinished'))).toEqual([])
})

it('says when the disk fails it, and when it no longer does', async () => {
  const place = join(folder, 'gone')
  const storage = folderStorage({ folder: place })
  await rm(place, { recursive: true })
  const put = () => storage.put('uploads/z', { body: Readable.from(['x']), size: 1, type })
  await expect(put()).rejects.toMatchObject({ code: 'unavailable' })
  expect(storage.state()).toBe('down')
  folderStorage({ folder: place })
  await put()
  expect(storage.state()).toBe('ok')
})
