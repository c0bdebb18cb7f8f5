import type { FastifyReply } from 'fastify'
import { Type } from 'typebox'
import { type App, type Caller, Page } from '../../http/index.ts'
import { Problem } from '../../lib/problems.ts'
import type { Services } from '../../services.ts'
import { staffNotificationRoutes } from './admin.ts'
import { listInbox, markAllRead, markRead, openPages, removeFromInbox, unreadCount } from './inbox.ts'
import { preferencesRoutes } from './preferences-routes.ts'
import { REALTIME_DESCRIPTION } from './realtime-description.ts'
import { InboxItem, InboxQuery, Named, UnreadCount } from './schema.ts'

const config = { access: 'customer' } as const
const tags = ['notifications']
const Done = Type.Null({ description: 'Done' })

/** Sends JSON text that is already written: it is neither parsed nor serialised on its way. */
function asItIs(reply: FastifyReply, text: Buffer | Promise<string | Buffer>): Promise<never> {
  const send = (json: string | Buffer) =>
    reply.sendWritten(typeof json === 'string' ? Buffer.from(json) : json) as never
  return text instanceof Promise ? text.then(send) : send(text)
}

/** The inbox of customers, and what staff tell one of them. */
export function notificationsRoutes(app: App, services: Services): void {
  readingRoutes(app, services)
  changingRoutes(app, services)
  preferencesRoutes(app, services)
  staffNotificationRoutes(app, services)
  app.get(
    '/v1/realtime',
    {
      config: { access: 'public' },
      schema: { tags, summary: 'What happens, as it happens (WebSocket)', description: REALTIME_DESCRIPTION },
    },
    () => {
      throw new Problem('not_found', {
        detail: { fr: 'Cette adresse parle WebSocket.', en: 'This address speaks WebSocket.' },
      })
    },
  )
}

function readingRoutes(app: App, services: Services): void {
  const pages = openPages(services.db)
  app.get(
    '/v1/notifications',
    {
      config,
      schema: {
        tags,
        summary: 'My notifications, newest first',
        description:
          'Those to the caller alone and broadcasts that they were meant for when they started, in one list.',
        querystring: InboxQuery,
        response: { 200: Page(InboxItem) },
      },
    },
    (request, reply) => asItIs(reply, listInbox(services, pages, request.caller as Caller, request.query)),
  )
  app.get(
    '/v1/notifications/unread-count',
    { config, schema: { tags, summary: 'How many are not read', response: { 200: UnreadCount } } },
    (request, reply) => asItIs(reply, unreadCount(services, request.caller as Caller)),
  )
}

function changingRoutes(app: App, services: Services): void {
  app.post(
    '/v1/notifications/:id/read',
    { config, schema: { tags, summary: 'Mark one as read', params: Named, response: { 204: Done } } },
    async (request, reply) => {
      await markRead(services, request.caller as Caller, request.params.id)
      return reply.code(204).send(null)
    },
  )
  app.post(
    '/v1/notifications/read-all',
    { config, schema: { tags, summary: 'Mark all as read', response: { 204: Done } } },
    async (request, reply) => {
      await markAllRead(services, request.caller as Caller)
      return reply.code(204).send(null)
    },
  )
  app.delete(
    '/v1/notifications/:id',
    {
      config,
      schema: { tags, summary: 'Take one out of my inbox', params: Named, response: { 204: Done } },
    },
    async (request, reply) => {
      await removeFromInbox(services, request.caller as Caller, request.params.id)
      return reply.code(204).send(null)
    },
  )
}
