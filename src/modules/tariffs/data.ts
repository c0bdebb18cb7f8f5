import { Value } from 'typebox/value'
import { type Tariff, TariffFile, type TariffKind } from './schema.ts'
import file from './tariffs.json' with { type: 'json' }

const data = Value.Parse(TariffFile, file)

interface Dated {
  from: string
  tariff: Tariff
}

const withoutMarks = (text: string): string =>
  text
    .normalize('NFD')
    .replace(/[^\p{L}\p{N}]/gu, '')
    .toUpperCase()

/** Each day on which anything of a tariff changes, oldest first, with the tariff from that day on. */
const dated = new Map<string, Dated[]>(
  data.tariffs.map(({ versions, usages: _usages, ...family }) => {
    const days = [...new Set([...versions, ...data.cashStampDuties].map(change => change.from))].sort()
    const states = days.flatMap(day => {
      const version = versions.findLast(candidate => candidate.from <= day)
      if (!version) return []
      const duty = data.cashStampDuties.findLast(candidate => candidate.from <= day)
      return [{ from: day, tariff: { ...family, ...version, cashStampDutyRate: duty?.rate ?? 0 } }]
    })
    return [family.code, states]
  }),
)

const codeByUsage = new Map(
  data.tariffs.flatMap(tariff =>
    [tariff.code, ...tariff.usages].map(usage => [`${tariff.kind} ${withoutMarks(usage)}`, tariff.code]),
  ),
)

/** The codes of the tariffs that are known: `DPP`, `DMP`, `PPP` are prepaid, `DPP-POST` is billed. */
export const tariffCodes = (): string[] => [...dated.keys()]

/**
 * The tariff on a day (`YYYY-MM-DD`, Dakar time), or null when the code is unknown or the day is before the oldest
 * version known. The same object for the same state, so it can be a key of a map.
 */
export const tariffAt = (code: string, day: string): Tariff | null =>
  dated.get(code)?.findLast(state => state.from <= day)?.tariff ?? null

/** All that a tariff was since the oldest version known, oldest first; empty when the code is unknown. */
export const tariffVersions = (code: string): Tariff[] => dated.get(code)?.map(state => state.tariff) ?? []

/**
 * The code of the tariff that the back office names in free text (USAGE, TARIF, TARIF_USAGE), ignoring case, accents,
 * spaces and punctuation; null when it is not one we know. The same text names another tariff for a billed customer.
 */
export const usageTariff = (usage: string | null, kind: TariffKind = 'prepaid'): string | null =>
  usage === null || usage.length > 100 ? null : (codeByUsage.get(`${kind} ${withoutMarks(usage)}`) ?? null)
