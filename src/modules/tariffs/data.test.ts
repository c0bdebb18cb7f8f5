import { describe, expect, test } from 'vitest'
import { tariffAt, tariffCodes, tariffVersions, usageTariff } from './index.ts'

describe('tariffs.json', () => {
  test('says for every version from when, from what source, and what is not certain', () => {
    expect(tariffCodes()).toEqual(['DPP', 'DMP', 'PPP', 'DPP-POST'])
    for (const code of tariffCodes()) {
      const versions = tariffVersions(code)
      expect(versions.length).toBeGreaterThan(0)
      for (const tariff of versions) {
        expect(tariff.source).not.toBe('')
        expect(tariff.thresholds.toBeConfirmed).toBe(true)
      }
    }
    expect(tariffAt('DPP', '2026-06-01')?.toBeConfirmed).toBe(false)
    expect(tariffAt('DMP', '2026-06-01')?.toBeConfirmed).toBe(true)
    expect(tariffAt('PPP', '2026-06-01')?.toBeConfirmed).toBe(true)
  })

  test('has steps and bands that follow each other without a hole and end open', () => {
    for (const tariff of tariffCodes().flatMap(tariffVersions)) {
      const ends = tariff.steps.map(step => step.upToKwh)
      expect(ends.at(-1)).toBeNull()
      const closed = ends.slice(0, -1).map(Number)
      expect(closed).toEqual([...closed].sort((a, b) => a - b))
      const { bands } = tariff.thresholds
      expect(bands.map(band => band.kwhMin)).toEqual([0, ...bands.slice(0, -1).map(band => band.kwhMax)])
      expect(bands.at(-1)?.kwhMax).toBeNull()
    }
  })
})

describe('the tariff of a day', () => {
  test.each([
    ['2023-01-01', [91.17, 136.49, 149.06]],
    ['2023-11-30', [91.17, 136.49, 149.06]],
    ['2023-12-01', [91.17, 136.49, 136.49]],
    ['2025-12-31', [91.17, 136.49, 136.49]],
    ['2026-01-01', [82, 136.49, 136.49]],
    ['2030-01-01', [82, 136.49, 136.49]],
  ])('DPP on %s', (day, prices) => {
    expect(tariffAt('DPP', day)?.steps.map(step => step.priceXof)).toEqual(prices)
  })

  test.each([
    ['DMP', [111.23, 143.54, 143.54]],
    ['PPP', [147.43, 189.84, 189.84]],
    ['DPP-POST', [82, 136.49, 159.36]],
  ])('%s in 2026', (code, prices) => {
    expect(tariffAt(code, '2026-06-01')?.steps.map(step => step.priceXof)).toEqual(prices)
  })

  test('is null before the oldest version and for an unknown code', () => {
    expect(tariffAt('DPP', '2022-12-31')).toBeNull()
    expect(tariffAt('XXX', '2026-01-01')).toBeNull()
  })

  test('a tax that starts inside a version does not change the day the version is from', () => {
    expect(tariffAt('DPP', '2026-01-27')).toMatchObject({ from: '2026-01-01', cashStampDutyRate: 0 })
    expect(tariffAt('DPP', '2026-01-28')).toMatchObject({ from: '2026-01-01', cashStampDutyRate: 0.01 })
  })
})

describe('the free text of the back office', () => {
  test.each([
    ['DPP', 'DPP'],
    ['ud-pp', 'DPP'],
    [' U D  P P ', 'DPP'],
    ['DOMESTIQUE PETITE PUISSANCE', 'DPP'],
    ['Usage Domestique Moyenne Puissance', 'DMP'],
    ['Professionnel Petite Puissance', 'PPP'],
    ['UP-PP', 'PPP'],
    ['', null],
    ['Éclairage public', null],
    [null, null],
    ['D'.repeat(5_000), null],
  ])('%s is %s', (usage, code) => {
    expect(usageTariff(usage)).toBe(code)
  })

  test('names the billed tariff for a contract account', () => {
    expect(usageTariff('UD-PP', 'postpaid')).toBe('DPP-POST')
    expect(usageTariff('UD-MP', 'postpaid')).toBeNull()
  })
})
