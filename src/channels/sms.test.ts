import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { createAuthority } from '../../simulators/authority.ts'
import { type SmsGateway, startSmsGateway } from '../../simulators/sms/index.ts'
import { openSms, type SmsChannel, type SmsOptions } from './index.ts'

const dir = mkdtempSync(join(tmpdir(), 'sms-'))
const caFile = join(dir, 'ca.pem')
const logged: unknown[] = []
const log = { warn: (fields: object) => void logged.push(fields) }
let gateway: SmsGateway
const closing: (() => unknown)[] = []

beforeAll(async () => {
  const authority = await createAuthority()
  writeFileSync(caFile, authority.caPem)
  gateway = await startSmsGateway({ tls: await authority.issue() })
})
afterAll(async () => {
  await gateway.close()
  rmSync(dir, { recursive: true })
})
afterEach(async () => {
  gateway.behave({ mode: 'ok' })
  for (const close of closing.splice(0).reverse()) await close()
})

function open(options: Partial<SmsOptions> = {}): SmsChannel {
  const channel = openSms({ url: gateway.url, caFile, timeoutMs: 5_000, log, ...options })
  closing.push(() => channel.close())
  return channel
}

let next = 0
const newPhone = () => `+2217700${String(++next).padStart(5, '0')}`

/** A gateway that answers whatever we like. */
async function openTo(answer: (response: ServerResponse) => void): Promise<SmsChannel> {
  const server = createServer((request, response) => {
    request.resume()
    answer(response)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  closing.push(() => {
    server.closeAllConnections()
    return new Promise(resolve => server.close(resolve))
  })
  return open({ url: `http://127.0.0.1:${port}/sms`, timeoutMs: 300 })
}

test('an SMS arrives with its text, letter by letter', async () => {
  const phone = newPhone()
  const text = 'Votre code : 123456 <ne pas & partager> "é à ñ" \n emoji 😀'
  expect(await open().send({ phone, text })).toEqual({ outcome: 'sent' })
  expect(gateway.messages(phone)).toMatchObject([{ phone, text }])
})

test('characters that XML cannot hold do not break the request', async () => {
  const phone = newPhone()
  expect(await open().send({ phone, text: 'a\u0000b\u001bc\ud800d' })).toEqual({ outcome: 'sent' })
  expect(gateway.messages(phone)).toMatchObject([{ text: 'abc\ufffdd' }])
})

test('what the gateway declines is refused with its status', async () => {
  expect(await open().send({ phone: '+33612345678', text: 'x' })).toEqual({
    outcome: 'refused',
    reason: 'status 400',
  })
})

test('a gateway that is not reached may be tried again; the channel says that it is down, and recovers', async () => {
  gateway.behave({ mode: 'down' })
  const channel = open()
  const phone = newPhone()
  for (let i = 0; i < 3; i++) {
    expect(await channel.send({ phone, text: 'x' })).toMatchObject({ outcome: 'retry' })
  }
  expect(channel.state()).toBe('down')
  gateway.behave({ mode: 'ok' })
  expect(await channel.send({ phone, text: 'x' })).toEqual({ outcome: 'sent' })
  expect(channel.state()).toBe('ok')
  expect(gateway.messages(phone)).toHaveLength(1)
})

test('an answer that does not come in time is ambiguous: the SMS had gone out', async () => {
  gateway.behave({ mode: 'slow', latencyMs: 10_000 })
  const phone = newPhone()
  const started = performance.now()
  expect(await open({ timeoutMs: 300 }).send({ phone, text: 'x' })).toEqual({
    outcome: 'ambiguous',
    reason: 'timeout',
  })
  expect(performance.now() - started).toBeLessThan(1_500)
  expect(gateway.messages(phone)).toHaveLength(1)
})

test('what still waits for a connection when its time is over never goes out', async () => {
  gateway.behave({ mode: 'slow', latencyMs: 700 })
  const channel = open({ timeoutMs: 400 })
  const phones = Array.from({ length: 20 }, newPhone)
  const outcomes = await Promise.all(phones.map(phone => channel.send({ phone, text: 'x' })))
  gateway.behave({ mode: 'ok' })
  expect(await open().send({ phone: newPhone(), text: 'x' })).toEqual({ outcome: 'sent' })
  await channel.close()
  phones.forEach((phone, i) => {
    expect(gateway.messages(phone)).toHaveLength(outcomes[i]?.outcome === 'retry' ? 0 : 1)
  })
  expect(outcomes.filter(({ outcome }) => outcome === 'retry').length).toBeGreaterThan(5)
})

test('another authority than the configured one is refused, and nothing is sent', async () => {
  const another = join(dir, 'another.pem')
  writeFileSync(another, (await createAuthority()).caPem)
  const phone = newPhone()
  expect(await open({ caFile: another }).send({ phone, text: 'x' })).toMatchObject({ outcome: 'retry' })
  expect(gateway.messages(phone)).toHaveLength(0)
})

test('answers that cannot be understood are ambiguous, refusals are refused, a busy gateway is tried again', async () => {
  const send = async (status: number, body: string) => {
    const channel = await openTo(response => response.writeHead(status).end(body))
    return (await channel.send({ phone: newPhone(), text: 'x' })).outcome
  }
  const fault = (code: string) =>
    `<s:Envelope xmlns:s="x"><s:Body><s:Fault><faultcode>s:${code}</faultcode></s:Fault></s:Body></s:Envelope>`
  const json = (text: string) =>
    `<s:Envelope xmlns:s="x"><s:Body><sendOneSMSResponse><r>${text}</r></sendOneSMSResponse></s:Body></s:Envelope>`
  expect(await send(200, '<html>hello</html>')).toBe('ambiguous')
  expect(await send(200, json('not json'))).toBe('ambiguous')
  expect(await send(200, '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')).toBe('ambiguous')
  expect(await send(200, 'x'.repeat(200_000))).toBe('ambiguous')
  expect(await send(200, json('{"statusCode":"200","statusText":"OK"}'))).toBe('sent')
  expect(await send(500, fault('Server'))).toBe('ambiguous')
  expect(await send(500, fault('Client'))).toBe('refused')
  expect(await send(404, '')).toBe('refused')
  expect(await send(503, '')).toBe('retry')
})

test('a connection that breaks before the answer is ambiguous', async () => {
  const channel = await openTo(response => response.destroy())
  expect(await channel.send({ phone: newPhone(), text: 'x' })).toMatchObject({ outcome: 'ambiguous' })
})

test('aborting rejects at once', async () => {
  gateway.behave({ mode: 'slow', latencyMs: 10_000 })
  const phone = newPhone()
  const channel = open()
  const controller = new AbortController()
  const pending = channel.send({ phone, text: 'x' }, controller.signal)
  await vi.waitFor(() => expect(gateway.messages(phone)).toHaveLength(1))
  controller.abort(new Error('stopped'))
  await expect(pending).rejects.toThrow('stopped')
  await expect(channel.send({ phone, text: 'x' }, controller.signal)).rejects.toThrow('stopped')
})

test('a closed channel sends nothing any more', async () => {
  const phone = newPhone()
  const channel = open()
  await channel.close()
  expect(await channel.send({ phone, text: 'x' })).toMatchObject({ outcome: 'retry' })
  expect(gateway.messages(phone)).toHaveLength(0)
})

test('neither phones nor texts are in the log', () => {
  expect(logged.length).toBeGreaterThan(3)
  expect(JSON.stringify(logged)).not.toMatch(/22177|33612/)
})
