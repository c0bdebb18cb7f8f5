import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, expect, test, vi } from 'vitest'
import { openFcm } from '../src/channels/index.ts'
import type { Addresses } from './index.ts'

// Each starts processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 })

const SCRIPT = join(import.meta.dirname, 'main.ts')
const started: ChildProcess[] = []
const folders: string[] = []

afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'simulators-main-'))
  folders.push(folder)
  return folder
}

function launch(dataDir: string, port = 0) {
  const child = spawn(process.execPath, [SCRIPT, '--data-dir', dataDir, '--port', String(port)], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  started.push(child)
  const output = { lines: [] as string[], errors: '' }
  child.stderr.on('data', chunk => {
    output.errors += chunk
  })
  const ready = new Promise<Addresses>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', line => {
      output.lines.push(line)
      resolve(JSON.parse(line))
    })
    child.once('exit', code => reject(new Error(`ended with ${code}: ${output.errors}`)))
  })
  const ended = once(child, 'exit').then(([code]) => code as number)
  return { child, output, ready, ended }
}

const pushTo = async (addresses: Addresses, token: string) => {
  const channel = openFcm({ ...addresses.fcm, caFile: addresses.caFile, timeoutMs: 3_000 })
  const outcome = await channel.send({
    token,
    notificationId: 'n-1',
    type: 'notice',
    title: 't',
    body: 'b',
    priority: 'normal',
    expiresAt: Date.now() + 60_000,
  })
  await channel.close()
  return outcome
}

test('says in one line where it listens, and ends with its parent, keeping ports and ledger for the next start', async () => {
  const dataDir = newFolder()
  const first = launch(dataDir)
  const addresses = await first.ready
  expect(await pushTo(addresses, 'sim-1')).toEqual({ outcome: 'sent' })
  const closedAt = performance.now()
  first.child.stdin.end()
  expect(await first.ended).toBe(0)
  expect(performance.now() - closedAt).toBeLessThan(2_000)
  expect(first.output.lines).toHaveLength(1)
  expect(first.output.errors).toBe('')

  const second = launch(dataDir)
  const again = await second.ready
  expect({ ...again, control: '' }).toEqual({ ...addresses, control: '' })
  expect(await pushTo(again, 'sim-1')).toEqual({ outcome: 'sent' })
  const stats = await (await fetch(`${again.control}/push/stats`)).json()
  expect(stats).toMatchObject({ received: 2, distinct: 1, duplicates: 1 })
  second.child.kill('SIGTERM')
  expect(await second.ended).toBe(0)
})

test('a taken port is said in one sentence', async () => {
  const other = createServer()
  await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as { port: number }
  const { ready, ended, output } = launch(newFolder(), port)
  ready.catch(() => undefined)
  expect(await ended).toBe(1)
  expect(output.errors).toMatch(new RegExp(`^Port ${port} is taken: .*\\n$`))
  other.close()
})

test('a remembered port that somebody else has now is replaced', async () => {
  const other = createServer()
  await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as { port: number }
  const dataDir = newFolder()
  const kept = { epoch: '2026-01-01T00:00:00.000Z', sqlPassword: 'kept', ports: { sic: port } }
  writeFileSync(join(dataDir, 'world.json'), JSON.stringify(kept))
  const { ready, child, ended } = launch(dataDir)
  const addresses = await ready
  expect(addresses.sic.port).not.toBe(port)
  expect(addresses.sic.password).toBe('kept')
  child.stdin.end()
  expect(await ended).toBe(0)
  other.close()
})
