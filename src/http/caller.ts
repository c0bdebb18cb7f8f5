export type { Language } from '../lib/problems.ts'

export type Role = 'customer' | 'agent' | 'admin'

/** Who makes a call, from their verified access token. */
export interface Caller {
  id: string
  role: Role
  /** The agency of an agent, null for others. */
  agencyId: number | null
  sessionId: string
}

/**
 * Who may call a route. `public`: anyone, OpenAPI says `security: []`. `anyone`: whoever is signed in. `staff`: agents
 * and administrators.
 */
export type Access = 'public' | 'anyone' | 'customer' | 'staff' | 'admin'

const ALLOWED: Record<Exclude<Access, 'public'>, readonly Role[]> = {
  anyone: ['customer', 'agent', 'admin'],
  customer: ['customer'],
  staff: ['agent', 'admin'],
  admin: ['admin'],
}

export const mayCall = (role: Role, access: Exclude<Access, 'public'>): boolean =>
  ALLOWED[access].includes(role)
