import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Lru } from './lru.ts'

it('forgets what was used least recently, and never holds more than its bound', () => {
  const key = fc.constantFrom(...'abcdefgh')
  const step = fc.record({
    key,
    weight: fc.integer({ min: 1, max: 6 }),
    action: fc.constantFrom('get', 'set', 'delete'),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const lru = new Lru<number>(10)
      // The model: keys with their weights, least recently used first.
      let model: { key: string; weight: number; value: number }[] = []
      for (const [value, { key, weight, action }] of steps.entries()) {
        const known = model.find(entry => entry.key === key)
        if (action === 'get') {
          expect(lru.get(key)).toBe(known?.value)
          if (known) model = [...model.filter(entry => entry !== known), known]
          continue
        }
        model = model.filter(entry => entry !== known)
        if (action === 'delete') {
          lru.delete(key)
          continue
        }
        lru.set(key, value, weight)
        model.push({ key, weight, value })
        while (model.reduce((sum, entry) => sum + entry.weight, 0) > 10) model.shift()
      }
      expect(lru.size).toBe(model.length)
      for (const { key, value } of model) expect(lru.get(key)).toBe(value)
    }),
  )
})

it('does not keep a single value that is heavier than all it may hold', () => {
  const lru = new Lru<string>(10)
  lru.set('small', 'x', 1)
  lru.set('huge', 'x', 11)
  expect(lru.get('huge')).toBeUndefined()
})
