import { newId } from '../../lib/id.ts'
import type { Services } from '../../services.ts'
import { insertAccount } from './sql/accounts.ts'
import { findCustomer, findStaff } from './sql/sign-in.ts'
import { createStaff, type NewStaff } from './staff.ts'

/** The customers of the demo: invented people on numbers of the simulated world. */
export const DEMO_CUSTOMERS = [
  { phone: '+221770000001', pin: '7394', firstName: 'Awa', lastName: 'Diop' },
  { phone: '+221770000002', pin: '2846', firstName: 'Moussa', lastName: 'Ndiaye' },
] as const

export const DEMO_STAFF = [
  {
    login: 'agent',
    password: 'Agent-demo-2026',
    role: 'agent',
    agencyId: 1,
    firstName: 'Fatou',
    lastName: 'Sarr',
  },
  { login: 'admin', password: 'Admin-demo-2026', role: 'admin', firstName: 'Ibrahima', lastName: 'Fall' },
  { login: 'admin2', password: 'Admin2-demo-2026', role: 'admin', firstName: 'Khady', lastName: 'Ba' },
] as const satisfies readonly NewStaff[]

/**
 * Makes the accounts of the demo that are missing; agency 1 must exist. Refuses to run anywhere else. Returns the
 * customers it made.
 */
export async function loadDemoAccounts(services: Services): Promise<{ id: string; phone: string }[]> {
  const { config, db, clock, secrets } = services
  if (config.mode !== 'embedded') throw new Error('Demo accounts exist in the embedded mode only.')
  const made: { id: string; phone: string }[] = []
  for (const { phone, pin, firstName, lastName } of DEMO_CUSTOMERS) {
    if (await findCustomer(db, phone, '')) continue
    const now = clock.now()
    const id = newId(now)
    const names = { firstName, lastName, language: 'fr', agencyId: null } as const
    const secretHash = await secrets.hash(pin)
    await insertAccount(db, { id, role: 'customer', phone, login: null, ...names, secretHash }, new Date(now))
    made.push({ id, phone })
  }
  for (const staff of DEMO_STAFF) {
    if (!(await findStaff(db, staff.login))) await createStaff(services, staff)
  }
  return made
}
