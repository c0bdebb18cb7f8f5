import { Type } from 'typebox'
import type { App } from '../../http/fastify.ts'
import { Problem } from '../../lib/problems.ts'
import { Me } from '../answers/people.ts'
import type { Desk } from '../desk.ts'
import type { Web } from '../web.ts'

/** Addresses of the page: each opens it, and it shows what the address says. */
const PAGES = [
  '/workers',
  '/workers/:name',
  '/tasks',
  '/tasks/:id',
  '/queues',
  '/parked',
  '/due',
  '/broadcasts',
  '/audit',
]
const Asset = Type.Object({ file: Type.String({ pattern: '^[\\w.-]{1,100}$' }) })

/** The web page, and who looks at it. */
export function pageRoutes(app: App, desk: Desk, web: Web): void {
  for (const url of PAGES) app.get(url, (_request, reply) => web.page(reply))

  app.get('/assets/:file', { schema: { params: Asset } }, (request, reply) => {
    const sent = web.asset(request.params.file, String(request.headers['accept-encoding'] ?? ''), reply)
    if (!sent) throw new Problem('not_found')
    return sent
  })

  app.get('/api/me', { schema: { response: { 200: Me } } }, ({ visitor }) => ({
    user: visitor.user,
    mayAct: visitor.mayAct,
    readOnly: desk.config.monitorReadOnly === 'true',
    version: desk.version,
  }))
}
