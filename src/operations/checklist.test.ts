import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { checklist, isSignable, readSignatures, sign } from './checklist.ts'
import type { Examined } from './doctor/index.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'samaconso-checklist-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const found = (component: string, state: Examined['state']): Examined => ({
  component,
  state,
  what: { fr: 'ceci', en: 'this' },
  ms: 1,
})
const item = (examined: Examined[], id: string) => checklist(examined, {}).find(one => one.id === id)

it('what a machine can check is done when nothing speaks against it, and unknown when it was not looked at', () => {
  expect(item([found('redis', 'ok')], 'redis')?.done).toBe(true)
  const wrong = item([found('redis', 'ok'), found('redis', 'fault')], 'redis')
  expect(wrong).toMatchObject({ done: false, because: { fr: 'redis : ceci' } })
  expect(item([found('sic', 'ok'), found('postpaid', 'warning')], 'backoffice')?.done).toBe(false)
  expect(item([found('backup', 'skipped')], 'backup')?.done).toBeNull()
  expect(item([], 'backup')?.done).toBeNull()
})

it('the rest is signed with name and day, kept in a file, and a second signature replaces the first', async () => {
  const operations = join(folder, 'operations')
  expect(await readSignatures(operations)).toEqual({})
  await sign(operations, 'go', { by: 'Awa Diop', at: '2026-07-03T10:00:00.000Z' })
  await sign(operations, 'vault', { by: 'Moussa Fall', at: '2026-07-03T11:00:00.000Z' })
  await sign(operations, 'go', { by: 'Khady Ba', at: '2026-07-04T10:00:00.000Z', note: 'comité' })
  const items = checklist([], await readSignatures(operations))
  expect(items.filter(({ kind, done }) => kind === 'signed' && done).map(({ id }) => id)).toEqual([
    'vault',
    'go',
  ])
  expect(items.find(({ id }) => id === 'go')?.because?.fr).toBe('Khady Ba, le 2026-07-04 : comité')
})

it('nobody signs for what a machine checks, and a damaged file is not an empty one', async () => {
  expect(isSignable('redis')).toBe(false)
  expect(isSignable('go')).toBe(true)
  await writeFile(join(folder, 'checklist.json'), '{"go": ')
  await expect(readSignatures(folder)).rejects.toThrow()
})
