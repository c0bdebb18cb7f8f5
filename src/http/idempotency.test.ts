import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { cloneDatabase, until } from '../../test/harness.ts'
import { openDatabase, type Tx } from '../db/index.ts'
import { newId } from '../lib/id.ts'
import { Problem } from '../lib/problems.ts'
import { type Answer, type Once, once } from './index.ts'

let clone: Awaited<ReturnType<typeof cloneDatabase>>
let request: Once

beforeAll(async () => {
  clone = await cloneDatabase()
  await clone.db.query('create table effects (id uuid)')
})
afterAll(() => clone.drop())
beforeEach(async () => {
  await clone.db.query('truncate effects, idempotency_keys')
  request = {
    callerId: newId(),
    route: 'POST /v1/things',
    key: 'key-1',
    body: { name: 'Awa', tags: ['a', 'b'] },
  }
})

/** Leaves a row behind, and answers with its id: two effects are never alike. */
async function effect(tx: Tx): Promise<Answer> {
  const id = newId()
  await tx.query('insert into effects values ($1)', [id])
  return { status: 201, body: { id, nested: { b: 1, a: [null, 'é'] } } }
}
const effects = async () => (await clone.db.query('select 1 from effects')).length
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'ok',
    error => error.code as string,
  )

describe('a request under a key', () => {
  it('happens once, and gets the same answer again, to the letter', async () => {
    const first = await once(clone.db, request, effect)
    const again = await once(clone.db, request, effect)
    expect(JSON.stringify(again)).toBe(JSON.stringify(first))
    expect(await effects()).toBe(1)
  })

  it('is the same however its body is written', async () => {
    const first = await once(clone.db, request, effect)
    const body = { tags: ['a', 'b'], name: 'Awa' }
    expect(await once(clone.db, { ...request, body }, effect)).toEqual(first)
  })

  it.each([
    ['another value', { name: 'Fatou', tags: ['a', 'b'] }],
    ['another order of a list', { name: 'Awa', tags: ['b', 'a'] }],
    ['one field more', { name: 'Awa', tags: ['a', 'b'], more: null }],
    ['nothing', undefined],
  ])('with another body is refused: %s', async (_, body) => {
    await once(clone.db, request, effect)
    expect(await codeOf(once(clone.db, { ...request, body }, effect))).toBe('idempotency_key_reused')
    expect(await effects()).toBe(1)
  })

  it('is its caller’s and its route’s own', async () => {
    await once(clone.db, request, effect)
    await once(clone.db, { ...request, callerId: newId() }, effect)
    await once(clone.db, { ...request, route: 'POST /v1/others' }, effect)
    await once(clone.db, { ...request, key: 'key-2' }, effect)
    expect(await effects()).toBe(4)
  })

  it('whose effect was rejected keeps nothing, and may be tried again', async () => {
    const refused = once(clone.db, request, async tx => {
      await effect(tx)
      throw new Problem('conflict')
    })
    expect(await codeOf(refused)).toBe('conflict')
    expect(await effects()).toBe(0)
    expect(await clone.db.query('select 1 from idempotency_keys')).toEqual([])
    expect((await once(clone.db, request, effect)).status).toBe(201)
  })

  it('happens again after 24 hours', async () => {
    const first = await once(clone.db, request, effect)
    await clone.db.query("update idempotency_keys set created_at = now() - interval '23 hours 59 minutes'")
    expect(await once(clone.db, request, effect)).toEqual(first)
    await clone.db.query("update idempotency_keys set created_at = now() - interval '24 hours 1 second'")
    const later = await once(clone.db, request, effect)
    expect(later).not.toEqual(first)
    expect(await once(clone.db, request, effect)).toEqual(later)
    expect(await effects()).toBe(2)
  })

  it('may have an answer without a body', async () => {
    const empty = async (): Promise<Answer> => ({ status: 204, body: undefined })
    expect((await once(clone.db, request, empty)).status).toBe(204)
    expect((await once(clone.db, request, empty)).status).toBe(204)
  })

  it('does not keep the key itself, nor the body that was sent', async () => {
    await once(clone.db, { ...request, key: 'key-visible' }, effect)
    const rows = await clone.db.query('select * from idempotency_keys')
    expect(JSON.stringify(rows)).not.toMatch(/key-visible|Awa/)
  })
})

describe('the same request many times at once', () => {
  it('has exactly one effect; the others are told that it is under way, and then get its answer', async () => {
    const db = openDatabase({ url: clone.url, pool: 20 })
    let running = 0
    let open: () => void = () => undefined
    const opened = new Promise<void>(resolve => {
      open = resolve
    })
    const first = once(db, request, async tx => {
      running++
      const answer = await effect(tx)
      await opened
      return answer
    })
    await until('the effect to run', () => running === 1)
    const others = await Promise.all(Array.from({ length: 15 }, () => codeOf(once(db, request, effect))))
    expect(new Set(others)).toEqual(new Set(['request_in_progress']))
    open()
    const answer = await first
    expect(await once(db, request, effect)).toEqual(answer)
    expect(await effects()).toBe(1)
    await db.close()
  })

  it('has exactly one effect whatever the moment at which each begins', async () => {
    const db = openDatabase({ url: clone.url, pool: 20 })
    for (let round = 0; round < 20; round++) {
      const one = { ...request, key: `round-${round}` }
      const results = await Promise.allSettled(Array.from({ length: 20 }, () => once(db, one, effect)))
      const answers = results.flatMap(result =>
        result.status === 'fulfilled' ? [JSON.stringify(result.value)] : [],
      )
      const codes = results.flatMap(result => (result.status === 'rejected' ? [result.reason.code] : []))
      expect(new Set(answers).size).toBe(1)
      expect(codes.every(code => code === 'request_in_progress')).toBe(true)
    }
    expect(await effects()).toBe(20)
    await db.close()
  })

  it('without a key happens each time', async () => {
    await Promise.all(Array.from({ length: 5 }, () => once(clone.db, { ...request, key: undefined }, effect)))
    expect(await effects()).toBe(5)
  })
})
