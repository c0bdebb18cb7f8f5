import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type RunningSwift, startSwift } from '../../test/servers/swift.ts'
import { createBuckets, s3Storage } from './index.ts'
import { promisesOfStorage } from './storage.contract.ts'

const type = 'text/plain'

let folder: string
let swift: RunningSwift
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'samaconso-swift-'))
  swift = await startSwift({ folder })
  await createBuckets(swift)
  // Once more is no fault.
  await createBuckets(swift)
}, 120_000)
afterAll(async () => {
  await swift.stop()
  await rm(folder, { recursive: true, force: true })
})

const { TEST_S3_ENDPOINT: endpoint, TEST_S3_ACCESS_KEY = '', TEST_S3_SECRET_KEY = '' } = process.env

promisesOfStorage('an object storage', async () => {
  if (!endpoint) return s3Storage(swift)
  const given = {
    endpoint,
    region: swift.region,
    accessKey: TEST_S3_ACCESS_KEY,
    secretKey: TEST_S3_SECRET_KEY,
  }
  await createBuckets(given)
  return s3Storage(given)
})

it('a wrong secret is seen at once, and by whoever asks', async () => {
  const storage = s3Storage({ ...swift, secretKey: 'not-the-one' })
  await expect.poll(() => storage.state(), { timeout: 10_000 }).toBe('down')
  await expect(storage.head('uploads/x')).rejects.toMatchObject({ code: 'unavailable' })
  await expect(storage.put('uploads/x', { body: Readable.from(['x']), size: 1, type })).rejects.toMatchObject(
    {
      code: 'unavailable',
    },
  )
  await storage.close()
  await expect(createBuckets({ ...swift, secretKey: 'not-the-one' })).rejects.toThrow()
})

it('a storage that is not there, or does not answer, is unavailable within the bound', async () => {
  const away = s3Storage({ ...swift, endpoint: 'http://127.0.0.1:9' })
  await expect(away.get('uploads/x')).rejects.toMatchObject({ code: 'unavailable' })
  expect(away.state()).toBe('down')
  await away.close()

  const storage = s3Storage({ ...swift, answerMs: 300, putMs: 500 })
  await expect.poll(() => storage.head('uploads/nothing'), { timeout: 10_000 }).toBeUndefined()
  swift.server.signal('SIGSTOP')
  try {
    const began = performance.now()
    await expect(storage.head('uploads/x')).rejects.toMatchObject({ code: 'unavailable' })
    await expect(
      storage.put('uploads/x', { body: Readable.from(['x']), size: 1, type }),
    ).rejects.toMatchObject({ code: 'unavailable' })
    expect(performance.now() - began).toBeLessThan(3_000)
    expect(storage.state()).toBe('down')
  } finally {
    swift.server.signal('SIGCONT')
  }
  await storage.close()
  const again = s3Storage(swift)
  expect(await again.head('uploads/nothing')).toBeUndefined()
  expect(again.state()).toBe('ok')
  await again.close()
})
