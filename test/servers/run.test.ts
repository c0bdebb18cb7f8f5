import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { RUN } from '../processes.ts'
import { openRun, type TestRun } from './run.ts'

let run: TestRun
let mark: string | undefined
beforeEach(async () => {
  mark = process.env[RUN]
  run = await openRun({ endMs: 500 })
})
afterEach(() => {
  if (mark === undefined) delete process.env[RUN]
  else process.env[RUN] = mark
})

it('a run of which nothing is left ends well, its servers stopped last first, its folder gone', async () => {
  const stopped: string[] = []
  const folders: string[] = []
  for (const name of ['first', 'second']) {
    await run.start(name, async folder => {
      folders.push(folder)
      return { stop: async () => stopped.push(name) }
    })
  }
  run.onEnd(async () => [])
  await run.end()
  expect(stopped).toEqual(['second', 'first'])
  expect(folders.some(folder => existsSync(folder))).toBe(false)
})

it('what is left behind is told, each by name, after the servers have stopped', async () => {
  const child = spawn('sleep', ['600'], { stdio: 'ignore', detached: true })
  const stopped: string[] = []
  await run.start('server', async () => ({ stop: async () => stopped.push('server') }))
  run.onEnd(async () => ['queue orders.x: nobody deleted it'])
  const error = await run.end().catch((reason: Error) => reason)
  child.kill('SIGKILL')
  expect(String(error)).toContain('queue orders.x: nobody deleted it')
  expect(String(error)).toContain(`process ${child.pid}: sleep 600`)
  expect(stopped).toEqual(['server'])
})
