import { type App, Strict } from '../../http/index.ts'
import { Problem } from '../../lib/problems.ts'
import { type Ctx, contextOf, type Services } from '../../services.ts'
import { LinkPath, type MeterKind, type OpenMeter, openMeter } from '../meters/index.ts'
import { listItems } from './list.ts'
import { listMonths } from './months.ts'
import * as schema from './schema.ts'
import { billsOf, topupsOf } from './sources.ts'
import { summarise } from './summary.ts'

const config = { access: 'customer' } as const
const tags = ['consumption']
const ACTIVE = 'Only of an active link: any other is `not_found`.'

/** What the company's systems know of a customer's meters; while they are away, the last known copy. */
export function consumptionRoutes(app: App, services: Services): void {
  app.get(
    '/v1/meters/:linkId/summary',
    {
      config,
      schema: {
        tags,
        summary: 'All that the first screen needs',
        description: ACTIVE,
        params: LinkPath,
        querystring: Strict({}),
        response: { 200: schema.Summary },
      },
    },
    async request => {
      const ctx = contextOf(services, request)
      return summarise(ctx, await openMeter(ctx, request.params.linkId))
    },
  )
  app.get(
    '/v1/meters/:linkId/months',
    {
      config,
      schema: {
        tags,
        summary: 'Months of a year',
        description: `Months that have a figure, oldest first: bought in the month, or billed for it. ${ACTIVE}`,
        params: LinkPath,
        querystring: schema.MonthsQuery,
        response: { 200: schema.MonthList },
      },
    },
    async request => {
      const ctx = contextOf(services, request)
      return listMonths(ctx, await openMeter(ctx, request.params.linkId), request.query.year)
    },
  )
  app.get(
    '/v1/meters/:linkId/topups',
    {
      config,
      schema: {
        tags,
        summary: 'Purchases of a prepaid meter, newest first',
        description: `At most three years at once. While the company’s systems are away a page may be shorter. ${ACTIVE}`,
        params: LinkPath,
        querystring: schema.PeriodQuery,
        response: { 200: schema.TopUpPage },
      },
    },
    async request => {
      const ctx = contextOf(services, request)
      const meter = await openMeterOf(ctx, 'prepaid', request.params.linkId)
      return listItems(ctx, meter, topupsOf(ctx.backoffice, meter), request.query)
    },
  )
  app.get(
    '/v1/meters/:linkId/bills',
    {
      config,
      schema: {
        tags,
        summary: 'Bills of a contract account, newest first',
        description: `By day of issue, at most three years at once. While the company’s systems are away a page may be shorter. ${ACTIVE}`,
        params: LinkPath,
        querystring: schema.PeriodQuery,
        response: { 200: schema.BillPage },
      },
    },
    async request => {
      const ctx = contextOf(services, request)
      const meter = await openMeterOf(ctx, 'postpaid', request.params.linkId)
      return listItems(ctx, meter, billsOf(ctx.backoffice, meter), request.query)
    },
  )
}

/** An open meter of a kind: one kind has no bills, the other no purchases. */
async function openMeterOf(ctx: Ctx, kind: MeterKind, linkId: string): Promise<OpenMeter> {
  const meter = await openMeter(ctx, linkId)
  if (meter.kind === kind) return meter
  throw new Problem('not_found', {
    detail:
      kind === 'prepaid'
        ? { fr: 'Un compte contrat n’a pas de recharges.', en: 'A contract account has no top-ups.' }
        : { fr: 'Un compteur Woyofal n’a pas de factures.', en: 'A prepaid meter has no bills.' },
  })
}
