import { recordAs } from '../modules/audit/index.ts'
import { endMaintenance, maintenanceState, startMaintenance } from '../operations/maintenance.ts'
import { type Env, operatorOf, optionsOf, print, withServices } from './operator.ts'
import { StartError, say } from './say.ts'

const USAGE = {
  fr: 'samaconso maintenance on [--until 14:30 | 2026-07-03T14:30Z] [--message "Retour à 14 h 30."] | off | status',
  en: 'samaconso maintenance on [--until 14:30 | 2026-07-03T14:30Z] [--message "Back at 14:30."] | off | status',
}

/** `samaconso maintenance on|off|status`: every API instance follows within two seconds. */
export async function runMaintenance([verb = 'status', ...args]: string[], env: Env): Promise<void> {
  const options = { until: { type: 'string' }, message: { type: 'string' } } as const
  const given = optionsOf(args, options, USAGE)
  const message = typeof given.message === 'string' ? given.message : null
  if (!['on', 'off', 'status'].includes(verb) || message === '' || (message?.length ?? 0) > 300) {
    throw new StartError(USAGE)
  }
  await withServices(env, async ({ db, clock }) => {
    const until = typeof given.until === 'string' ? timeOf(given.until, clock.now()) : null
    if (verb !== 'status') {
      await db.tx(async tx => {
        if (verb === 'on') await startMaintenance(tx, { until, message })
        else if (!(await endMaintenance(tx))) return
        const actor = { id: null, role: 'operator', requestId: 'maintenance' }
        await recordAs(tx, actor, [
          { action: `maintenance.${verb}`, detail: { by: operatorOf(env), until, message } },
        ])
      })
    }
    const state = await maintenanceState(db)
    if (!state) return print(say({ fr: 'Les clients sont servis.', en: 'Customers are served.' }))
    const end = state.until?.toISOString()
    print(
      say({
        fr: `Maintenance depuis ${state.since.toISOString()}, fin annoncée : ${end ?? 'aucune'}. Message : ${state.message ?? 'celui par défaut'}. Le personnel travaille ; « samaconso maintenance off » rouvre aux clients.`,
        en: `Maintenance since ${state.since.toISOString()}, announced end: ${end ?? 'none'}. Message: ${state.message ?? 'the default one'}. Staff work; \`samaconso maintenance off\` lets customers in.`,
      }),
    )
  })
}

/** The next time it is 14:30 in Dakar, which is UTC; or a date with its time. */
function timeOf(text: string, now: number): Date {
  const [, hours, minutes] = /^(\d\d):(\d\d)$/.exec(text) ?? []
  if (hours !== undefined && Number(hours) < 24 && Number(minutes) < 60) {
    const today = new Date(now)
    const at = today.setUTCHours(Number(hours), Number(minutes), 0, 0)
    return new Date(at > now ? at : at + 86_400_000)
  }
  const at = Date.parse(text)
  if (Number.isNaN(at) || at <= now) throw new StartError(USAGE)
  return new Date(at)
}
