import { Type } from 'typebox'
import { type App, IdempotencyHeaders, PageQuery } from '../../http/index.ts'
import { contextOf, type Services } from '../../services.ts'
import { staffLinkRoutes } from './admin.ts'
import { changeLink, removeLink } from './change.ts'
import { decideAsOwner } from './decide.ts'
import { listGuests } from './guests.ts'
import { linkMeter } from './link.ts'
import { listLinks, readLink } from './read.ts'
import * as schema from './schema.ts'

const config = { access: 'customer' } as const
const tags = ['meters']

/** Meters of customers, and staff's part in them. */
export function metersRoutes(app: App, services: Services): void {
  ownLinkRoutes(app, services)
  guestRoutes(app, services)
  staffLinkRoutes(app, services)
}

function ownLinkRoutes(app: App, services: Services): void {
  app.post(
    '/v1/meters',
    {
      config,
      schema: {
        tags,
        summary: 'Link a meter or contract account',
        description:
          'The link is active at once when the phone that Senelec has on file is the caller’s; otherwise it waits for the owner. Ten attempts a day.',
        headers: IdempotencyHeaders,
        body: schema.LinkRequest,
        response: { 201: schema.NewMeterLink },
      },
    },
    async (request, reply) => {
      const idempotencyKey = request.headers['idempotency-key']
      const link = await linkMeter(contextOf(services, request), { ...request.body, idempotencyKey })
      return reply.code(201).send(link)
    },
  )
  app.get(
    '/v1/meters',
    {
      config,
      schema: {
        tags,
        summary: 'My meters',
        description: 'Active links and those that wait, oldest first.',
        querystring: PageQuery,
        response: { 200: schema.MeterLinkPage },
      },
    },
    request => listLinks(contextOf(services, request), request.query),
  )
  app.get(
    '/v1/meters/:linkId',
    {
      config,
      schema: {
        tags,
        summary: 'One of my meters',
        params: schema.LinkPath,
        response: { 200: schema.MeterLink },
      },
    },
    request => readLink(contextOf(services, request), request.params.linkId),
  )
  app.patch(
    '/v1/meters/:linkId',
    {
      config,
      schema: {
        tags,
        summary: 'Name a meter, or open the app with it',
        params: schema.LinkPath,
        body: schema.LinkChange,
        response: { 200: schema.MeterLink },
      },
    },
    request => changeLink(contextOf(services, request), request.params.linkId, request.body),
  )
  app.delete(
    '/v1/meters/:linkId',
    {
      config,
      schema: {
        tags,
        summary: 'Give a meter up',
        description: 'Guests that its owner let in keep their access.',
        params: schema.LinkPath,
        response: { 204: Type.Null({ description: 'Done' }) },
      },
    },
    async (request, reply) => {
      await removeLink(contextOf(services, request), request.params.linkId)
      return reply.code(204).send(null)
    },
  )
}

const DECISIONS = {
  approve: 'Let a guest in',
  reject: 'Refuse a guest, who may ask again after 30 days',
  revoke: 'Take a guest’s access back',
} as const

function guestRoutes(app: App, services: Services): void {
  app.get(
    '/v1/meters/:linkId/guests',
    {
      config,
      schema: {
        tags,
        summary: 'Who follows my meter, or asks to',
        description: 'For its owner alone.',
        params: schema.LinkPath,
        querystring: PageQuery,
        response: { 200: schema.GuestPage },
      },
    },
    request => listGuests(contextOf(services, request), request.params.linkId, request.query),
  )
  for (const decision of ['approve', 'reject', 'revoke'] as const) {
    app.post(
      `/v1/meters/:linkId/guests/:guestLinkId/${decision}`,
      {
        config,
        schema: {
          tags,
          summary: DECISIONS[decision],
          params: schema.GuestPath,
          response: { 200: schema.Guest },
        },
      },
      request => decideAsOwner(contextOf(services, request), { ...request.params, decision }),
    )
  }
}
