import { Type } from 'typebox'
import { type App, IdempotencyHeaders, once, PageQuery } from '../../http/index.ts'
import { contextOf, type Services } from '../../services.ts'
import { addDevice, listDevices, removeDevice } from './devices.ts'
import { changePin } from './pin-change.ts'
import { changeProfile, showProfile } from './profile.ts'
import {
  DeviceAnswer,
  DevicePage,
  DeviceParams,
  DeviceRegistration,
  IdParams,
  PinChange,
  ProfileChange,
  SessionPage,
  User,
} from './schema.ts'
import { endSession, listSessions } from './sessions.ts'

const tags = ['me']
const NoContent = Type.Null({ description: 'Done' })

export function meRoutes(app: App, services: Services): void {
  app.get(
    '/v1/me',
    { config: { access: 'anyone' }, schema: { tags, summary: 'My profile', response: { 200: User } } },
    request => showProfile(contextOf(services, request)),
  )
  app.patch(
    '/v1/me',
    {
      config: { access: 'anyone' },
      schema: {
        tags,
        summary: 'Change my names or language',
        body: ProfileChange,
        response: { 200: User },
      },
    },
    request => changeProfile(contextOf(services, request), request.body),
  )
  app.put(
    '/v1/me/pin',
    {
      config: { access: 'customer' },
      schema: {
        tags,
        summary: 'Change my PIN',
        description: 'Ends my other sessions.',
        body: PinChange,
        response: { 204: NoContent },
      },
    },
    async (request, reply) => {
      await changePin(contextOf(services, request), request.body)
      return reply.code(204).send(null)
    },
  )
  deviceRoutes(app, services)
  sessionRoutes(app, services)
}

function deviceRoutes(app: App, services: Services): void {
  app.get(
    '/v1/me/devices',
    {
      config: { access: 'customer' },
      schema: { tags, summary: 'My devices, ten at most', response: { 200: DevicePage } },
    },
    request => listDevices(contextOf(services, request)),
  )
  app.post(
    '/v1/me/devices',
    {
      config: { access: 'customer' },
      schema: {
        tags,
        summary: 'Get pushes on this device',
        description: 'The push token moves here from whoever had it, and is not shown again.',
        headers: IdempotencyHeaders,
        body: DeviceRegistration,
        response: { 201: DeviceAnswer },
      },
    },
    async (request, reply) => {
      const ctx = contextOf(services, request)
      const key = request.headers['idempotency-key']
      const attempt = { callerId: ctx.caller.id, route: 'POST /v1/me/devices', key, body: request.body }
      const { body } = await once(services.db, attempt, async tx => ({
        status: 201,
        body: await addDevice(tx, ctx, request.body),
      }))
      return reply.code(201).send(body as DeviceAnswer)
    },
  )
  app.delete(
    '/v1/me/devices/:id',
    {
      config: { access: 'customer' },
      schema: {
        tags,
        summary: 'Forget a device',
        description: 'Its sessions end, and it must be proved by a code again.',
        params: DeviceParams,
        response: { 204: NoContent },
      },
    },
    async (request, reply) => {
      await removeDevice(contextOf(services, request), request.params.id)
      return reply.code(204).send(null)
    },
  )
}

function sessionRoutes(app: App, services: Services): void {
  app.get(
    '/v1/me/sessions',
    {
      config: { access: 'anyone' },
      schema: {
        tags,
        summary: 'Where I am signed in, newest first',
        querystring: PageQuery,
        response: { 200: SessionPage },
      },
    },
    request => {
      const { limit = 20, cursor } = request.query
      return listSessions(contextOf(services, request), {
        limit,
        ...(cursor === undefined ? {} : { cursor }),
      })
    },
  )
  app.delete(
    '/v1/me/sessions/:id',
    {
      config: { access: 'anyone' },
      schema: { tags, summary: 'End one of my sessions', params: IdParams, response: { 204: NoContent } },
    },
    async (request, reply) => {
      await endSession(contextOf(services, request), request.params.id)
      return reply.code(204).send(null)
    },
  )
}
