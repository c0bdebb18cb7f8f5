import { ACCESS_TOKEN_SECONDS, type AccessTokens } from '../../http/index.ts'
import { newId } from '../../lib/id.ts'
import { sha256 } from '../../lib/secrets.ts'
import type { Ctx } from '../../services.ts'
import { newRefreshToken } from './refresh-token.ts'
import type { TokenAnswer, User } from './schema.ts'
import type { Account } from './sql/accounts.ts'
import type { NewSession } from './sql/sessions.ts'

/** A session lives seven days after its last refresh. */
export const SESSION_MS = 7 * 24 * 3_600_000
const MAX_USER_AGENT = 200

/** A session of `accountId`, to be inserted, with the refresh token that opens it. */
export function newSession(
  ctx: Ctx,
  accountId: string,
  deviceId: string | null,
  userAgent: string | undefined,
): { session: NewSession; refreshToken: string } {
  const now = ctx.clock.now()
  const id = newId(now)
  const refreshToken = newRefreshToken(ctx.secrets, id)
  return {
    refreshToken,
    session: {
      id,
      accountId,
      deviceId,
      tokenHash: sha256(refreshToken),
      userAgent: userAgent?.slice(0, MAX_USER_AGENT) ?? null,
      createdAt: new Date(now),
      expiresAt: new Date(now + SESSION_MS),
    },
  }
}

export async function tokenAnswer(
  tokens: AccessTokens,
  account: Account,
  sessionId: string,
  refreshToken: string,
): Promise<TokenAnswer> {
  return {
    accessToken: await tokens.issue(callerOf(account, sessionId)),
    refreshToken,
    expiresIn: ACCESS_TOKEN_SECONDS,
    user: userOf(account),
  }
}

export const callerOf = (account: Account, sessionId: string) => ({
  id: account.id,
  role: account.role,
  agencyId: account.role === 'agent' ? account.agencyId : null,
  sessionId,
})

export const userOf = (account: Account): User => ({
  id: account.id,
  role: account.role,
  phone: account.phone,
  login: account.login,
  firstName: account.firstName,
  lastName: account.lastName,
  language: account.language,
  agencyId: account.agencyId === null ? null : String(account.agencyId),
  createdAt: account.createdAt.toISOString(),
})
