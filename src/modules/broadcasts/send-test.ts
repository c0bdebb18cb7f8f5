import { type Answer, once } from '../../http/index.ts'
import { UUID } from '../../lib/cursor.ts'
import { parsePhone } from '../../lib/phone.ts'
import { Problem } from '../../lib/problems.ts'
import type { Ctx } from '../../services.ts'
import { record } from '../audit/index.ts'
import { type Content, fillIn, notify, refuseUnknownVariables } from '../notifications/index.ts'
import { scopeOf } from './read.ts'
import type { TestBody } from './schema.ts'
import { selectRecipients } from './sql-people.ts'

const HOUR = 3_600_000
/** Tests of one member of staff in an hour. */
const MOST_TESTS = 20
/** Seconds: who looks at a test looks now. */
const LIFE = 3_600
/** What an inbox takes. */
const LONGEST = { title: 200, body: 2_000 }

/**
 * Sends what a broadcast would say to a few customers whom the caller may see, marked as a test, as a notification to each.
 * Once per idempotency key. `Problem('not_found')` when one of them is not there to be seen, `rate_limited` after 20 in an
 * hour.
 */
export async function sendTest(
  ctx: Ctx,
  idempotencyKey: string | undefined,
  input: TestBody,
): Promise<Answer> {
  if (idempotencyKey === undefined) throw new Problem('idempotency_key_required')
  refuseUnknownVariables(input.content)
  const { caller } = ctx
  const request = {
    callerId: caller.id,
    route: 'POST /v1/admin/broadcasts/test',
    key: idempotencyKey,
    body: input,
  }
  return once(ctx.db, request, async tx => {
    const allowance = await ctx.limiter.take(`broadcast-tests:${caller.id}`, MOST_TESTS, HOUR)
    if (!allowance.ok)
      throw new Problem('rate_limited', { retryAfter: Math.ceil(allowance.retryAfterMs / 1_000) })
    const { ids, phones } = addressees(input.to)
    const customers = await selectRecipients(tx, ids, phones, scopeOf(ctx))
    if (customers.length === 0 || customers.length < ids.length + phones.length)
      throw new Problem('not_found')
    const sent: string[] = []
    for (const customer of customers) {
      const { id } = await notify(tx, ctx, {
        customerId: customer.id,
        type: 'announcement',
        priority: input.priority ?? 'normal',
        content: testOf(input.content, customer),
        data: { test: 'true' },
        createdBy: caller.id,
        expiresInSeconds: LIFE,
        requestId: ctx.requestId,
      })
      sent.push(id)
      await record(tx, ctx, {
        action: 'broadcast.test',
        objectKind: 'notification',
        objectId: id,
        customerId: customer.id,
      })
    }
    return { status: 202, body: { ids: sent } }
  })
}

/** Ids and phones, each once. */
function addressees(to: readonly string[]): { ids: string[]; phones: string[] } {
  const ids = new Set<string>()
  const phones = new Set<string>()
  for (const [i, text] of to.entries()) {
    const id = text.toLowerCase()
    if (UUID.test(id)) ids.add(id)
    else {
      const phone = parsePhone(text)
      if (!phone) {
        throw new Problem('invalid', {
          errors: [{ field: `to.${i}`, message: 'must be the id or the phone of a customer' }],
        })
      }
      phones.add(phone)
    }
  }
  return { ids: [...ids], phones: [...phones] }
}

function testOf(content: Content, who: { firstName: string; lastName: string }): Content {
  const marked = Object.entries(content).map(([language, words]) => {
    const { title, body } = fillIn(words, who)
    return [language, { title: cut(`[Test] ${title}`, LONGEST.title), body: cut(body, LONGEST.body) }]
  })
  return Object.fromEntries(marked) as Content
}

const cut = (text: string, most: number): string => [...text].slice(0, most).join('')
