import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { startServer } from './process.ts'

it('gives up a start that is not waited for, and leaves no process', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'samaconso-process-'))
  const giveUp = new AbortController()
  let looks = 0
  const begun = startServer({
    name: 'never',
    command: [process.execPath, '-e', 'console.log(process.pid); setInterval(() => undefined, 1_000)'],
    port: 0,
    logFile: join(folder, 'never.log'),
    giveUp: giveUp.signal,
    ready: async () => {
      looks++
      if (looks === 3) giveUp.abort()
      throw new Error('not yet')
    },
  })
  const error = await begun.then(
    () => undefined,
    (reason: Error) => reason,
  )
  expect(error?.message).toContain('never did not start: ')
  const pid = Number(/^\d+$/m.exec(error?.message ?? '')?.[0] ?? 0)
  // It may have been ended before it said who it is.
  if (pid > 0) expect(() => process.kill(pid, 0)).toThrow()
  await rm(folder, { recursive: true })
}, 30_000)
