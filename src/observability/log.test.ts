import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../../test/harness.ts'
import { Problem } from '../lib/problems.ts'
import { openLog, renderMetrics } from './index.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'samaconso-log-'))
})
afterAll(() => rm(folder, { recursive: true }))

let files = 0
/** What a fresh log holds after `write`, line by line. */
async function lines(write: (log: ReturnType<typeof openLog>) => void, level: 'debug' | 'warn' = 'debug') {
  const file = join(folder, 'in', 'a folder', `${++files}.log`)
  const log = openLog({ level, instance: 'samaconso_1', file })
  write(log)
  log.error({ event: 'end' })
  const text = await until('the end', async () => {
    const text = await readFile(file, 'utf8').catch(() => '')
    return text.includes('"event":"end"') ? text : ''
  })
  return text
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
    .slice(0, -1)
}

describe('the log', () => {
  it('has one line of JSON per event, with its time, level and instance', async () => {
    const [line] = await lines(log => log.info({ event: 'started', note: 'two\nlines' }))
    expect(line).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      instance: 'samaconso_1',
      event: 'started',
      note: 'two\nlines',
    })
  })

  it('leaves out what is below its level', async () => {
    const events = await lines(log => {
      log.debug({ event: 'a' })
      log.info({ event: 'b' })
      log.warn({ event: 'c' })
    }, 'warn')
    expect(events.map(({ event }) => event)).toEqual(['c'])
  })

  it('masks what is never to be written, should it be given by mistake', async () => {
    const text = JSON.stringify(
      await lines(log =>
        log.info({
          event: 'x',
          phone: '+221770000001',
          pin: '7394',
          code: '123456',
          body: {
            password: 'hunter2',
            accessToken: 'a.b.c',
            refreshToken: 'r',
            deviceSecret: 's',
            pushToken: 't0',
          },
        }),
      ),
    )
    expect(text).not.toMatch(/770000001|7394|123456|hunter2|a\.b\.c|t0/)
    expect(text.match(/\[masked\]/g)).toHaveLength(8)
  })

  it('has of an error its words, its code and what caused it, nothing else that it carries', async () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED'), {
      code: 'ECONNREFUSED',
      detail: 'Key (phone)=(+221770000001) already exists.',
    })
    const [line] = await lines(log => log.error({ event: 'x', error: new Problem('unavailable', { cause }) }))
    expect(line.error).toMatchObject({
      name: 'Problem',
      errorCode: 'unavailable',
      stack: expect.stringContaining('log.test.ts'),
      cause: { message: 'connect ECONNREFUSED', errorCode: 'ECONNREFUSED' },
    })
    expect(JSON.stringify(line)).not.toContain('770000001')
  })

  it('that cannot be written, as on a full disk, tells once and does not end the program', async () => {
    const troubles: Error[] = []
    const log = openLog({
      level: 'info',
      instance: 'x',
      // Always full; where there is no such file, a folder is one that cannot be written either.
      file: existsSync('/dev/full') ? '/dev/full' : folder,
      onTrouble: error => void troubles.push(error),
    })
    for (let i = 0; i < 20; i++) {
      log.info({ event: 'into the void' })
      await new Promise(done => setImmediate(done))
    }
    await until('the trouble', () => troubles.length > 0)
    log.info({ event: 'and on' })
    expect(troubles).toHaveLength(1)
    expect(troubles[0]?.message).toMatch(/ENOSPC|EISDIR/)
  })
})

it('metrics are text that Prometheus reads', async () => {
  const { type, text } = await renderMetrics()
  expect(type).toContain('text/plain')
  expect(text).toMatch(/^# HELP process_cpu_/m)
  expect(text).toMatch(/^nodejs_eventloop_lag_seconds \d/m)
})
