import { type Static, Type } from 'typebox'

const closed = { additionalProperties: false }
const Day = Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$' })
const Rate = Type.Number({ minimum: 0, maximum: 1 })

export const TariffStep = Type.Object(
  {
    /** Where the step ends, in kWh of the month; null for the last. */
    upToKwh: Type.Union([Type.Number({ exclusiveMinimum: 0 }), Type.Null()]),
    /** Price of one kWh before tax; has decimals. */
    priceXof: Type.Number({ exclusiveMinimum: 0 }),
  },
  closed,
)

/** A colour of the gauge: over `kwhMin`, up to `kwhMax` included, of the month's consumption. */
export const Band = Type.Object(
  {
    kwhMin: Type.Number({ minimum: 0 }),
    kwhMax: Type.Union([Type.Number({ exclusiveMinimum: 0 }), Type.Null()]),
    color: Type.String({ minLength: 1 }),
  },
  closed,
)

const version = {
  /** The first day on which it applies. */
  from: Day,
  steps: Type.Array(TariffStep, { minItems: 1 }),
  /** Days for which the steps are meant, when they are scaled to the days a bill covers; null: they are not. */
  stepsPerDays: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()]),
  /** Municipal tax, added to the energy's cost. */
  tcoRate: Rate,
  vatRate: Rate,
  /** Energy of the month over which TVA is due. */
  vatFromKwh: Type.Number({ minimum: 0 }),
  /** Taken from the first purchase of the month. */
  meterFeeXof: Type.Object(
    { singlePhase: Type.Integer({ minimum: 0 }), threePhase: Type.Integer({ minimum: 0 }) },
    closed,
  ),
  smallestPurchaseXof: Type.Integer({ minimum: 0 }),
  source: Type.String({ minLength: 1 }),
  /** Not certain: a default until Senelec confirms it. */
  toBeConfirmed: Type.Boolean(),
  note: Type.Union([Type.String(), Type.Null()]),
}

const family = {
  code: Type.String({ minLength: 1 }),
  kind: Type.Union([Type.Literal('prepaid'), Type.Literal('postpaid')]),
  label: Type.Object({ fr: Type.String(), en: Type.String() }, closed),
  thresholds: Type.Object(
    { toBeConfirmed: Type.Boolean(), bands: Type.Array(Band, { minItems: 1 }) },
    closed,
  ),
}

/** What tariffs.json holds. */
export const TariffFile = Type.Object(
  {
    cashStampDuties: Type.Array(
      Type.Object(
        { from: Day, rate: Rate, source: Type.String({ minLength: 1 }), toBeConfirmed: Type.Boolean() },
        closed,
      ),
    ),
    tariffs: Type.Array(
      Type.Object(
        {
          ...family,
          /** How the back office writes it; compared without case, accents, spaces and punctuation. */
          usages: Type.Array(Type.String()),
          versions: Type.Array(Type.Object(version, closed), { minItems: 1 }),
        },
        closed,
      ),
    ),
  },
  closed,
)

/** A tariff as it is on one day: prices, steps, taxes and fees. */
export const Tariff = Type.Object(
  {
    ...family,
    ...version,
    /** Added to a payment in cash; 0 when none is due on that day. */
    cashStampDutyRate: Rate,
  },
  closed,
)

export type Tariff = Static<typeof Tariff>
export type Band = Static<typeof Band>
export type TariffKind = Tariff['kind']
