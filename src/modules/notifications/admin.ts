import type { Static } from 'typebox'
import { type App, IdempotencyHeaders } from '../../http/index.ts'
import { contextOf, type Services } from '../../services.ts'
import { notifyByStaff } from './notify-by-staff.ts'
import { Accepted, StaffNotification } from './schema.ts'

/** What agents and administrators tell a customer. */
export function staffNotificationRoutes(app: App, services: Services): void {
  app.post(
    '/v1/admin/notifications',
    {
      config: { access: 'staff' },
      schema: {
        tags: ['staff'],
        summary: 'Notify a customer, or those who follow a meter',
        description:
          'Accepted is kept: it is in the inbox at once and on its way to the devices. Agents reach customers and meters of their agency alone.',
        headers: IdempotencyHeaders,
        body: StaffNotification,
        response: { 202: Accepted },
      },
    },
    async (request, reply) => {
      const key = request.headers['idempotency-key']
      const { status, body } = await notifyByStaff(contextOf(services, request), key, request.body)
      return reply.code(status as 202).send(body as Static<typeof Accepted>)
    },
  )
}
