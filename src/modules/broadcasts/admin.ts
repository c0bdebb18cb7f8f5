import type { Static } from 'typebox'
import { type App, IdempotencyHeaders } from '../../http/index.ts'
import { contextOf, type Services } from '../../services.ts'
import { approve } from './approve.ts'
import { cancel } from './cancel.ts'
import { changeRate } from './change-rate.ts'
import { create } from './create.ts'
import { pause } from './pause.ts'
import { preview } from './preview.ts'
import { list, show } from './read.ts'
import { resume } from './resume.ts'
import {
  Accepted,
  BroadcastBody,
  BroadcastPage,
  BroadcastQuery,
  BroadcastSchema,
  Named,
  PreviewBody,
  RateBody,
  Reach,
  TestAnswer,
  TestBody,
} from './schema.ts'
import { sendTest } from './send-test.ts'

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
    '/v1/admin/broadcasts/test',
    {
      config: { access: 'staff' },
      schema: {
        tags,
        summary: 'Send a test of a broadcast to a few',
        description:
          'To at most five customers whom the caller may see, as a notification marked as a test; twenty in an hour.',
        headers: IdempotencyHeaders,
        body: TestBody,
        response: { 202: TestAnswer },
      },
    },
    async (request, reply) => {
      const key = request.headers['idempotency-key']
      const { status, body } = await sendTest(contextOf(services, request), key, request.body)
      return reply.code(status as 202).send(body as Static<typeof TestAnswer>)
    },
  )

  app.post(
    '/v1/admin/broadcasts',
    {
      config: { access: 'staff' },
      schema: {
        tags,
        summary: 'Tell many something',
        description:
          'Accepted is kept. It starts at once or at `scheduledAt`: from then on it is in every inbox and on its way to the devices. Above 1,000 devices (configurable) it first waits for a second administrator. Administrators reach everyone, agents their agency alone. `{{firstName}}` and `{{lastName}}` in its texts are filled for each reader.',
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

  for (const { verb, act, access, summary, description } of ACTS) {
    app.post(
      `/v1/admin/broadcasts/:id/${verb}`,
      {
        config: { access },
        schema: { tags, summary, description, params: Named, response: { 200: BroadcastSchema } },
      },
      async request => act(contextOf(services, request), request.params.id),
    )
  }

  app.patch(
    '/v1/admin/broadcasts/:id',
    {
      config: { access: 'staff' },
      schema: {
        tags,
        summary: 'Change how fast a broadcast is sent',
        description: 'Within about a second; chunks that were planned without a limit go out as they are.',
        params: Named,
        body: RateBody,
        response: { 200: BroadcastSchema },
      },
    },
    async request => changeRate(contextOf(services, request), request.params.id, request.body),
  )
}

const ACTS = [
  {
    verb: 'approve',
    act: approve,
    access: 'admin',
    summary: 'Approve a large broadcast',
    description: 'By an administrator other than its author. It starts, or waits for its time.',
  },
  {
    verb: 'pause',
    act: pause,
    access: 'staff',
    summary: 'Pause a running broadcast',
    description: 'Nothing more is sent within two seconds, until it is resumed.',
  },
  {
    verb: 'resume',
    act: resume,
    access: 'staff',
    summary: 'Let a paused or stopped broadcast go on',
    description: 'Exactly those get it that did not. One that was stopped by a fault: by an administrator.',
  },
  {
    verb: 'cancel',
    act: cancel,
    access: 'staff',
    summary: 'Cancel a broadcast',
    description: 'Nothing more is sent within two seconds; devices not reached count as suppressed.',
  },
] as const
