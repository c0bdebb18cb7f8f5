import type { Ctx } from '../../services.ts'
import { agencyOf } from '../agencies/index.ts'
import type { MeterKind } from './schema.ts'

/** A meter as the back office has it on file. */
export interface MeterOnFile {
  kind: MeterKind
  number: string
  /** Empty for a contract account, which never moves. */
  poc: string
  agencyId: number | null
  tariff: string | null
  address: string | null
  holderPhone: string | null
  holderName: string | null
  partnerNumber: string | null
}

/** Asks SIC for a normal number; null when it is not known there. `Unavailable` when SIC does not answer. */
export async function lookUp(
  ctx: Pick<Ctx, 'backoffice' | 'db' | 'cache' | 'log'>,
  kind: MeterKind,
  number: string,
): Promise<MeterOnFile | null> {
  const found = kind === 'prepaid' ? await prepaid(ctx, number) : await postpaid(ctx, number)
  if (!found) return null
  const { agencyName, ...onFile } = found
  const agency = await agencyOf(ctx, agencyName)
  if (!agency) ctx.log.warn({ event: 'agency_unknown', agency: agencyName })
  return { kind, number, ...onFile, agencyId: agency?.id ?? null }
}

async function prepaid({ backoffice }: Pick<Ctx, 'backoffice'>, number: string) {
  const meter = await backoffice.prepaidMeter(number)
  return (
    meter && {
      poc: meter.poc,
      tariff: meter.usage,
      address: meter.address,
      holderPhone: meter.phone,
      holderName: meter.customerName,
      partnerNumber: meter.clientNumber,
      agencyName: meter.agencyName,
    }
  )
}

async function postpaid({ backoffice }: Pick<Ctx, 'backoffice'>, number: string) {
  const account = await backoffice.postpaidAccount(number)
  return (
    account && {
      poc: '',
      tariff: account.tariff,
      address: account.address,
      holderPhone: account.phone,
      holderName: account.customerName,
      partnerNumber: account.partnerNumber,
      agencyName: account.agencyName,
    }
  )
}
