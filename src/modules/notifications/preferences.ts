import type { Queryable } from '../../db/index.ts'
import { Problem } from '../../lib/problems.ts'
import type { Ctx } from '../../services.ts'
import type { Preferences, PreferencesBody } from './preferences-schema.ts'
import { deletePreferences, selectPreferences, upsertPreferences } from './preferences-sql.ts'
import type { QuietHours } from './quiet-hours.ts'
import { CHOSEN_TYPES, type ChosenType } from './types.ts'

const TYPES = Object.keys(CHOSEN_TYPES) as ChosenType[]

/** What the caller wants on their devices; who never chose wants everything, at any hour. */
export const showPreferences = (ctx: Ctx): Promise<Preferences> => read(ctx.db, ctx.caller.id)

/**
 * Takes what the caller wants from now on in place of what was, also for what is on its way. `Problem('invalid')` for quiet
 * hours that end when they start, since nobody could say which of the two is meant.
 */
export async function changePreferences(ctx: Ctx, input: PreferencesBody): Promise<Preferences> {
  const { types = {}, quietHours = null } = input
  const muted = TYPES.filter(type => types[type]?.push === false)
  const quiet = quietHours ? { from: minutes(quietHours.from), to: minutes(quietHours.to) } : null
  if (quiet && quiet.from === quiet.to) {
    throw new Problem('invalid', {
      errors: [{ field: 'quietHours.to', message: 'must differ from quietHours.from' }],
    })
  }
  const { id } = ctx.caller
  if (muted.length === 0 && !quiet) await deletePreferences(ctx.db, id)
  else await upsertPreferences(ctx.db, id, muted, quiet, new Date(ctx.clock.now()))
  return read(ctx.db, id)
}

async function read(db: Queryable, customerId: string): Promise<Preferences> {
  const row = await selectPreferences(db, customerId)
  const types = TYPES.map(type => [type, { push: !row?.muted.includes(type) }])
  return {
    types: Object.fromEntries(types) as Preferences['types'],
    quietHours: row?.quiet ? { from: clock(row.quiet.from), to: clock(row.quiet.to) } : null,
  }
}

const minutes = (time: string): QuietHours['from'] => Number(time.slice(0, 2)) * 60 + Number(time.slice(3))
const clock = (minute: number): string => {
  const two = (n: number) => String(n).padStart(2, '0')
  return `${two(Math.floor(minute / 60))}:${two(minute % 60)}`
}
