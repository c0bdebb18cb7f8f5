import fc from 'fast-check'
import { expect, it } from 'vitest'
import { DELAYS_MS } from '../../../tasks/index.ts'
import { count, giveUp, newTally, noteSent, noteSpared, retryDelay } from './tally.ts'

const outcome = fc.oneof(
  fc.constant({ outcome: 'sent' as const }),
  fc.constant({ outcome: 'unregistered' as const }),
  fc.record({
    outcome: fc.constant('refused' as const),
    reason: fc.string(),
    dropToken: fc.boolean(),
    stop: fc.boolean(),
  }),
  fc.record({
    outcome: fc.constant('retry' as const),
    reason: fc.string(),
    afterMs: fc.nat(),
    ambiguous: fc.boolean(),
  }),
)
const spared = fc.oneof(
  fc.record({
    outcome: fc.constantFrom('refused' as const, 'suppressed' as const, 'expired' as const),
    reason: fc.string(),
  }),
  fc.record({ outcome: fc.constant('retry' as const), reason: fc.string(), afterMs: fc.nat() }),
  fc.record({
    outcome: fc.constant('wait' as const),
    reason: fc.string(),
    until: fc.oneof(fc.constant('resumed' as const), fc.nat()),
  }),
)
const recipient = (unsure: boolean) => ({
  id: 'd',
  token: 't',
  language: 'fr' as const,
  firstName: 'Awa',
  lastName: 'Diop',
  spared: null,
  unsure,
})

it('every device is accounted for once, and every one not sent has its reason', () => {
  fc.assert(
    fc.property(
      fc.array(outcome),
      fc.array(fc.tuple(spared, fc.boolean())),
      fc.boolean(),
      fc.boolean(),
      (sent, sparedOnes, bulk, last) => {
        const tally = newTally()
        for (const result of sent) noteSent(tally, recipient(false), result, bulk)
        for (const [verdict, unsure] of sparedOnes) noteSpared(tally, recipient(unsure), verdict)
        if (last) giveUp(tally, 'expired')
        const { sent: reached, ...others } = tally.counts
        const unreached = Object.values(others).reduce((sum, n) => sum + n, 0)
        expect(reached + unreached + tally.failed.length).toBe(sent.length + sparedOnes.length)
        expect([...tally.reasons.values()].reduce((sum, n) => sum + n, 0)).toBe(unreached)
        expect(tally.reasons.size).toBeLessThanOrEqual(21)
        if (last) expect(tally.failed).toEqual([])
      },
    ),
  )
})

it('reasons stay few and short whatever the channel says', () => {
  const tally = newTally()
  for (let i = 0; i < 1_000; i++) count(tally, 'refused', `${i}`.repeat(500))
  expect(JSON.stringify([...tally.reasons]).length).toBeLessThan(3_000)
  expect(tally.counts.refused).toBe(1_000)
})

it('a retry waits a step that covers what was asked for, and its message a little longer', () => {
  fc.assert(
    fc.property(
      fc.nat(100),
      fc.nat(4_000_000),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (attempt, asked, random) => {
        const { stepMs, messageMs } = retryDelay(attempt, asked, () => random)
        expect(DELAYS_MS).toContain(stepMs)
        expect(stepMs).toBeGreaterThanOrEqual(Math.min(asked, 1_800_000))
        expect(messageMs).toBeGreaterThan(stepMs)
        expect(messageMs).toBeLessThanOrEqual(stepMs * 1.2 + 1)
      },
    ),
  )
})
