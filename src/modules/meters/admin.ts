import { Type } from 'typebox'
import { type App, PageQuery, Strict } from '../../http/index.ts'
import { contextOf, type Services } from '../../services.ts'
import { decideAsStaff } from './decide.ts'
import * as schema from './schema.ts'
import { listWaiting } from './waiting.ts'

const config = { access: 'staff' } as const
const tags = ['staff: meters']

const WaitingQuery = Strict({
  ...PageQuery.properties,
  status: Type.Optional(Type.String({ enum: ['pending'], default: 'pending' })),
})

/** Staff decide about links that wait: agents for the meters of their agency, administrators for all. */
export function staffLinkRoutes(app: App, services: Services): void {
  app.get(
    '/v1/admin/meters/links',
    {
      config,
      schema: {
        tags,
        summary: 'Links that wait for a decision',
        description: 'Who waits longest first. An agent sees the meters of their agency.',
        querystring: WaitingQuery,
        response: { 200: schema.StaffLinkPage },
      },
    },
    request => listWaiting(contextOf(services, request), request.query),
  )
  for (const decision of ['approve', 'reject'] as const) {
    app.post(
      `/v1/admin/meters/links/:id/${decision}`,
      {
        config,
        schema: {
          tags,
          summary: decision === 'approve' ? 'Accept a link that waits' : 'Refuse a link that waits',
          params: schema.StaffLinkPath,
          response: { 200: schema.StaffLink },
        },
      },
      request => decideAsStaff(contextOf(services, request), { linkId: request.params.id, decision }),
    )
  }
}
