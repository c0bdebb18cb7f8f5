import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent, request } from 'undici'
import { afterEach, expect, test } from 'vitest'
import { createAuthority, loadOrCreateAuthority } from './authority.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function getFrom(tls: { key: string; cert: string }, ca: string, host = '127.0.0.1'): Promise<number> {
  const server = createServer(tls, (_, response) => response.end('ok'))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const dispatcher = new Agent({ connect: { ca } })
  closing.push(
    () => dispatcher.destroy(),
    () => new Promise(resolve => server.close(resolve)),
  )
  const { port } = server.address() as AddressInfo
  const answer = await request(`https://${host}:${port}/`, { dispatcher })
  await answer.body.dump()
  return answer.statusCode
}

test('a client that trusts the authority by name accepts its certificates, by address and by name', async () => {
  const authority = await createAuthority()
  const tls = await authority.issue()
  expect(await getFrom(tls, authority.caPem)).toBe(200)
  expect(await getFrom(tls, authority.caPem, 'localhost')).toBe(200)
})

test('a client that trusts another authority refuses', async () => {
  const [ours, another] = await Promise.all([createAuthority(), createAuthority()])
  await expect(getFrom(await ours.issue(), another.caPem)).rejects.toThrow()
})

test('the authority kept in a folder is the same after a restart, and private to its owner', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'authority-'))
  closing.push(async () => rmSync(dir, { recursive: true }))
  const first = await loadOrCreateAuthority(dir)
  const second = await loadOrCreateAuthority(dir)
  expect(second.caPem).toBe(first.caPem)
  expect(await getFrom(await second.issue(), first.caPem)).toBe(200)
  expect(statSync(first.caFile).mode & 0o777).toBe(0o600)
  expect(statSync(join(dir, 'authority-key.pem')).mode & 0o777).toBe(0o600)
})
