import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createAuthority } from '../../simulators/authority.ts'
import { startRedis } from '../../test/servers/redis.ts'
import { openRedis } from './index.ts'

let folder: string
let server: Awaited<ReturnType<typeof startRedis>>
const file = (name: string) => join(folder, name)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'samaconso-redis-tls-'))
  const authority = await createAuthority()
  const { key, cert } = await authority.issue()
  await writeFile(file('ca.pem'), authority.caPem)
  await writeFile(file('stranger.pem'), (await createAuthority()).caPem)
  await writeFile(file('cert.pem'), cert)
  await writeFile(file('key.pem'), key, { mode: 0o600 })
  server = await startRedis({ folder, tls: { certFile: file('cert.pem'), keyFile: file('key.pem') } })
})
afterAll(async () => {
  await server.stop()
  await rm(folder, { recursive: true, force: true })
})

it('speaks TLS with a server whose authority it was given', async () => {
  const link = openRedis({ url: server.url, caFile: file('ca.pem') })
  await expect.poll(() => link.state(), { timeout: 5_000 }).toBe('ok')
  await link.close()
})

it('does not speak with any other, and says why', async () => {
  for (const caFile of [undefined, file('stranger.pem')]) {
    const troubles: string[] = []
    const link = openRedis({
      url: server.url,
      caFile,
      onTrouble: error => void troubles.push(error.message),
    })
    await expect.poll(() => troubles.join(), { timeout: 5_000 }).toContain('certificate')
    expect(link.state()).toBe('down')
    await link.close()
  }
})
