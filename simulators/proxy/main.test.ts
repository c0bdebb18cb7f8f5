import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, expect, test } from 'vitest'
import { dialer } from '../../src/channels/dial.ts'
import { loadOrCreateAuthority } from '../authority.ts'
import { startFcm } from '../fcm/index.ts'

const SCRIPT = join(import.meta.dirname, 'main.ts')
const started: ChildProcess[] = []
const dir = mkdtempSync(join(tmpdir(), 'proxy-main-'))

afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  rmSync(dir, { recursive: true, force: true })
})

function launch(...args: string[]): ChildProcess & { stdout: NodeJS.ReadableStream } {
  const child = spawn(process.execPath, [SCRIPT, '--data-dir', join(dir, 'proxy'), ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  started.push(child)
  return child
}

test('as a process of its own it says where it is, comes back there with the same authority, and ends with its parent', async () => {
  const world = await loadOrCreateAuthority(dir)
  const fcm = await startFcm({ tls: await world.issue(), dir: join(dir, 'fcm') })
  const args = ['--upstream-ca', world.caFile, '--allow', `127.0.0.1:${fcm.port}`, '--login', 'us:pass:word']
  const first = launch(...args)
  const { url, caFile } = JSON.parse((await once(createInterface({ input: first.stdout }), 'line'))[0])
  expect(url).toMatch(/^http:\/\/us:pass%3Aword@127\.0\.0\.1:\d+$/)
  const dial = dialer({
    origin: fcm.baseUrl,
    ca: readFileSync(caFile, 'utf8'),
    proxy: url,
    protocols: ['h2', 'http/1.1'],
  })
  const socket = await dial(5_000)
  expect(socket.alpnProtocol).toBe('h2')
  const closed = new Promise<void>(done => {
    socket.resume().on('close', () => done())
  })
  // Its end may come as an error before.
  socket.on('error', () => undefined)
  first.kill('SIGKILL')
  // Its connections may end a moment before the port that it listens on.
  await Promise.all([closed, once(first, 'exit')])
  await expect(dial(5_000)).rejects.toThrow('ECONNREFUSED')

  const second = launch(...args, '--port', new URL(url).port, '--mode', 'http1')
  await once(createInterface({ input: second.stdout }), 'line')
  const again = await dial(5_000)
  expect(again.alpnProtocol).toBe('http/1.1')
  second.stdin?.end()
  expect(await once(second, 'exit')).toEqual([0, null])
  await fcm.close()
})

test('what it cannot work with is said in a sentence', async () => {
  const child = launch('--mode', 'h3')
  let said = ''
  child.stderr?.on('data', chunk => {
    said += chunk
  })
  expect(await once(child, 'close')).toEqual([1, null])
  expect(said).toMatch(/^Give .*tunnel\.\n$/)
})
