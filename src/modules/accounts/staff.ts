import type { Queryable } from '../../db/index.ts'
import type { Role } from '../../http/index.ts'
import { newId } from '../../lib/id.ts'
import { Problem } from '../../lib/problems.ts'
import type { Services } from '../../services.ts'
import { insertAccount } from './sql/accounts.ts'

const LOGIN = /^[a-z0-9][a-z0-9._-]{1,49}$/
const SHORTEST_PASSWORD = 12
/** Passwords that the documentation shows. */
const SHOWN = /-demo-2026$/

export interface NewStaff {
  login: string
  password: string
  role: Exclude<Role, 'customer'>
  /** Of an agent, who sees nothing else. */
  agencyId?: number
  firstName: string
  lastName: string
}

/**
 * Creates a member of staff with a local password; returns their id. `invalid` for a login or password that will not
 * do (outside of the demo: one that is easily guessed), `conflict` when the login is taken.
 */
export async function createStaff(
  services: Pick<Services, 'clock' | 'config' | 'secrets'> & { db: Queryable },
  staff: NewStaff,
): Promise<string> {
  const login = staff.login.trim().toLowerCase()
  const faults = [
    ...(LOGIN.test(login)
      ? []
      : [{ field: 'login', message: 'must be 2 to 50 letters, digits, dots or dashes' }]),
    ...(staff.password.length >= SHORTEST_PASSWORD && staff.password.length <= 200
      ? []
      : [{ field: 'password', message: `must have ${SHORTEST_PASSWORD} to 200 characters` }]),
    ...(services.config.mode === 'production' && isGuessable(staff.password, login)
      ? [{ field: 'password', message: 'is easily guessed' }]
      : []),
    ...(staff.role === 'agent' && staff.agencyId === undefined
      ? [{ field: 'agencyId', message: 'is needed for an agent' }]
      : []),
  ]
  if (faults.length > 0) throw new Problem('invalid', { errors: faults })
  const now = services.clock.now()
  const created = await insertAccount(
    services.db,
    {
      id: newId(now),
      role: staff.role,
      phone: null,
      login,
      firstName: staff.firstName.trim(),
      lastName: staff.lastName.trim(),
      language: 'fr',
      agencyId: staff.agencyId ?? null,
      secretHash: await services.secrets.hash(staff.password),
    },
    new Date(now),
  )
  if (!created) throw new Problem('conflict')
  return created.id
}

/** Long enough and yet guessed first: one of the documentation's, the login with something added, `aaaaaaaaaaaa`, `abcabcabcabc`. */
const isGuessable = (password: string, login: string): boolean =>
  SHOWN.test(password) ||
  (login.length >= 4 && password.toLowerCase().includes(login)) ||
  /^(.{1,4})\1+$/.test(password)
