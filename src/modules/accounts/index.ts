import type { AccessTokens, App } from '../../http/index.ts'
import type { Services } from '../../services.ts'
import { customersRoutes } from './admin.ts'
import { authRoutes } from './auth-routes.ts'
import { meRoutes } from './me-routes.ts'

export { loadDemoAccounts } from './demo.ts'
export { forgetOld } from './forget.ts'
export { accountsHandlers } from './handlers.ts'
export {
  announceRevoked,
  type RevocationWatch,
  watchRevocations,
} from './revoke-sessions.ts'
export { sweepSms } from './send-sms.ts'
export { countCustomers } from './sql/count.ts'
export { createStaff, type NewStaff } from './staff.ts'

/** Signing in, one's own account, and customers as staff see them. */
export function accountsRoutes(app: App, services: Services, tokens: AccessTokens): void {
  authRoutes(app, services, tokens)
  meRoutes(app, services)
  customersRoutes(app, services)
}
