import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { until } from '../../../test/harness.ts'
import { folderStorage } from '../../storage/index.ts'
import { StartError } from '../say.ts'
import { claimDataDir, emptyDataDir, readRunFile, writeRunFile } from './data-dir.ts'
import { markOf, runs } from './processes.ts'
import { keptOrMade } from './secrets.ts'

let dir: string
let others: ChildProcess[]
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'samaconso-data-dir-'))
  others = []
})
afterEach(async () => {
  for (const other of others) other.kill('SIGKILL')
  await rm(dir, { recursive: true, force: true })
})

/** Another process that lives until it is killed. */
async function another(): Promise<number> {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' })
  others.push(child)
  await until('its start', () => child.pid !== undefined)
  return child.pid as number
}
const lock = (mark: unknown) =>
  Promise.all([
    writeFile(join(dir, '.samaconso'), ''),
    writeFile(join(dir, 'lock.json'), typeof mark === 'string' ? mark : JSON.stringify(mark)),
  ])
const run = (pid: number) => ({
  pid,
  databaseUrl: 'postgres://x',
  ports: {},
  settings: {},
  proxyUrl: 'http://x',
  startedAt: '2026-01-01',
})

describe('a data directory', () => {
  it('is made when it is missing, ours until it is released', async () => {
    const deep = join(dir, 'not', 'there')
    const { release } = await claimDataDir(deep)
    expect((await readdir(deep)).sort()).toEqual(['.samaconso', 'lock.json'])
    await release()
    expect(await readdir(deep)).toEqual(['.samaconso'])
  })

  it('with the files of a role that ran by itself is taken, with anything else refused', async () => {
    folderStorage({ folder: join(dir, 'files') })
    const { release } = await claimDataDir(dir)
    await release()
    await rm(join(dir, '.samaconso'))
    await writeFile(join(dir, 'files', 'thesis.txt'), 'mine')
    await expect(claimDataDir(dir)).rejects.toBeInstanceOf(StartError)
    await rm(join(dir, 'files'), { recursive: true })
    await writeFile(join(dir, 'thesis.txt'), 'mine')
    await expect(claimDataDir(dir)).rejects.toBeInstanceOf(StartError)
  })

  it('that another living process has is refused, with its number', async () => {
    const pid = await another()
    await lock(await markOf(pid))
    await expect(claimDataDir(dir)).rejects.toThrow(String(pid))
    await expect(claimDataDir(dir)).rejects.toBeInstanceOf(StartError)
  })

  it('whose owner was killed is free again, also while nobody has buried it', async () => {
    const pid = await another()
    const mark = await markOf(pid)
    await lock(mark)
    process.kill(pid, 'SIGKILL')
    await until('its end', async () => !(await runs(mark)))
    await (await claimDataDir(dir)).release()
  })

  it('whose owner’s number was given to another process is free again', async () => {
    const mark = await markOf(await another())
    // Elsewhere than on Linux the system does not tell when a process began: the number has to do.
    if (mark.born === null) return
    await lock({ ...mark, born: '1' })
    await (await claimDataDir(dir)).release()
  })

  it.each(['', '{', 'null', '[]', '{"pid":"x"}', '{"pid":-1}'])(
    'with a torn lock (%s) is free again',
    async text => {
      await lock(text)
      await (await claimDataDir(dir)).release()
    },
  )

  it('with something else in it is refused untouched', async () => {
    await writeFile(join(dir, 'photo.jpg'), 'x')
    await expect(claimDataDir(dir)).rejects.toBeInstanceOf(StartError)
    expect(await readdir(dir)).toEqual(['photo.jpg'])
  })

  it('is emptied of everything but what says whose it is', async () => {
    const { release } = await claimDataDir(dir)
    await mkdir(join(dir, 'postgres', 'data'), { recursive: true })
    await writeFile(join(dir, 'postgres', 'data', 'postmaster.pid'), 'garbage')
    await writeFile(join(dir, 'secrets.json'), '{}')
    await emptyDataDir(dir)
    expect((await readdir(dir)).sort()).toEqual(['.samaconso', 'lock.json'])
    await release()
  })
})

describe('the run file', () => {
  it('is believed only while its process has the folder', async () => {
    const pid = await another()
    await lock(await markOf(pid))
    expect(await readRunFile(dir)).toBeNull()
    await writeRunFile(dir, run(pid))
    expect(await readRunFile(dir)).toEqual(run(pid))
    await lock(await markOf(await another()))
    expect(await readRunFile(dir)).toBeNull()
  })
})

describe('kept secrets', () => {
  const make = () => ({ ONE: 'new one', TWO: 'new two' })

  it('are made once, for their owner’s eyes alone', async () => {
    const file = join(dir, 'secrets.json')
    expect(await keptOrMade(file, make)).toEqual(make())
    expect(await keptOrMade(file, () => ({ ONE: 'x', TWO: 'y' }))).toEqual(make())
    expect(await readdir(dir)).toEqual(['secrets.json'])
  })

  it.each(['', 'garbage', 'null', '[]', '{"ONE":"1"}', '{"ONE":1,"TWO":"2"}', '{"ONE":"","TWO":"2"}'])(
    'that are damaged (%s) are refused with the remedy, and left as they are',
    async text => {
      const file = join(dir, 'secrets.json')
      await writeFile(file, text)
      await expect(keptOrMade(file, make)).rejects.toThrow('--reset')
      expect(await readFile(file, 'utf8')).toBe(text)
    },
  )
})
