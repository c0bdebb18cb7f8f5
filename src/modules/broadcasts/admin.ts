import type { Static } from 'typebox'
import { type App, IdempotencyHeaders } from '../../http/index.ts'
import { contextOf, type Services } from '../../services.ts'
import { cancel } from './cancel.ts'
import { create } from './create.ts'
import { preview } from './preview.ts'
import { list, show } from './read.ts'
import {
  Accepted,
  BroadcastBody,
  BroadcastPage,
  BroadcastQuery,
  BroadcastSchema,
  Named,
  PreviewBody,
  Reach,
} from './schema.ts'

const tags = ['broadcasts']

/** One message to many, by staff. */
export function broadcastRoutes(app: App, services: Services): void {
  app.post(
    '/v1/admin/broadcasts/preview',
    {
      config: { access: 'staff' },
      schema: {
        tags,
        summary: 'Count whom a broadcast would reach',
        body: PreviewBody,
        response: { 200: Reach },
      },
    },
    async request => preview(contextOf(services, request), request.body.audience),
  )

  app.post(
    '/v1/admin/broadcasts',
    {
      config: { access: 'staff' },
      schema: {
        tags,
        summary: 'Tell many something',
        description:
          'Accepted is kept: it is in every inbox at once and on its way to the devices. Administrators reach everyone, agents their agency alone.',
        headers: IdempotencyHeaders,
        body: BroadcastBody,
        response: { 202: Accepted },
      },
    },
    async (request, reply) => {
      const key = request.headers['idempotency-key']
      const { status, body } = await create(contextOf(services, request), key, request.body)
      return reply.code(status as 202).send(body as Static<typeof Accepted>)
    },
  )

  app.get(
    '/v1/admin/broadcasts',
    {
      config: { access: 'staff' },
      schema: {
        tags,
        summary: 'Broadcasts, newest first',
        description: 'Agents see those of their agency.',
        querystring: BroadcastQuery,
        response: { 200: BroadcastPage },
      },
    },
    async request => list(contextOf(services, request), request.query),
  )

  app.get(
    '/v1/admin/broadcasts/:id',
    {
      config: { access: 'staff' },
      schema: {
        tags,
        summary: 'One broadcast: how far it is, or its report',
        params: Named,
        response: { 200: BroadcastSchema },
      },
    },
    async request => show(contextOf(services, request), request.params.id),
  )

  app.post(
    '/v1/admin/broadcasts/:id/cancel',
    {
      config: { access: 'staff' },
      schema: {
        tags,
        summary: 'Cancel a broadcast',
        description: 'Nothing more is sent within two seconds; devices not reached count as suppressed.',
        params: Named,
        response: { 200: BroadcastSchema },
      },
    },
    async request => cancel(contextOf(services, request), request.params.id),
  )
}
