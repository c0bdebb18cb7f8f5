import { Type } from 'typebox'
import type { AccessTokens, App } from '../../http/index.ts'
import { contextOf, type Services } from '../../services.ts'
import { countSignIn } from './count-sign-in.ts'
import { resetPin } from './pin-change.ts'
import { refresh } from './refresh.ts'
import { register } from './register.ts'
import { requestCode } from './request-code.ts'
import {
  CodeRequest,
  CodeSent,
  PinReset,
  Registration,
  SignOut,
  TokenAnswer,
  TokenRequest,
} from './schema.ts'
import { signOut } from './sessions.ts'
import { signInWithPassword } from './sign-in-with-password.ts'
import { signInWithPin } from './sign-in-with-pin.ts'

const tags = ['sign in']
const NoContent = Type.Null({ description: 'Done' })

export function authRoutes(app: App, services: Services, tokens: AccessTokens): void {
  app.post(
    '/v1/auth/otp',
    {
      config: { access: 'public' },
      schema: {
        tags,
        summary: 'Ask for a code by SMS',
        description:
          'The answer is the same whether the number has an account or not: the SMS alone tells. One a minute.',
        body: CodeRequest,
        response: { 202: CodeSent },
      },
    },
    async (request, reply) =>
      reply.code(202).send(await requestCode(contextOf(services, request), request.body)),
  )
  app.post(
    '/v1/auth/register',
    {
      config: { access: 'public' },
      schema: {
        tags,
        summary: 'Create a customer’s account with the code of an SMS',
        body: Registration,
        response: { 201: TokenAnswer },
      },
    },
    async (request, reply) => {
      const input = { ...request.body, userAgent: request.headers['user-agent'] }
      return reply.code(201).send(await register(contextOf(services, request), tokens, input))
    },
  )
  app.post(
    '/v1/auth/token',
    {
      config: { access: 'public' },
      schema: {
        tags,
        summary: 'Sign in, or refresh a session',
        description:
          'A device that no code has proved yet gets 403 `device_not_verified`: ask for a code with purpose `device` and send it here. A refresh token is good once; the last answer is given again for ten seconds.',
        body: TokenRequest,
        response: { 200: TokenAnswer },
      },
    },
    request => {
      const ctx = contextOf(services, request)
      const { body } = request
      return countSignIn(body.grant, () => {
        if (body.grant === 'refresh') return refresh(ctx, tokens, body.refreshToken)
        const input = { userAgent: request.headers['user-agent'] }
        if (body.grant === 'password') return signInWithPassword(ctx, tokens, { ...body, ...input })
        return signInWithPin(ctx, tokens, { ...body, ...input })
      })
    },
  )
  app.post(
    '/v1/auth/pin-reset',
    {
      config: { access: 'public' },
      schema: {
        tags,
        summary: 'Set a new PIN with the code of an SMS',
        description: 'Ends every session; every device must be proved by a code again.',
        body: PinReset,
        response: { 204: NoContent },
      },
    },
    async (request, reply) => {
      await resetPin(contextOf(services, request), request.body)
      return reply.code(204).send(null)
    },
  )
  app.post(
    '/v1/auth/logout',
    {
      config: { access: 'anyone' },
      schema: {
        tags,
        summary: 'Sign out of this session, or of all',
        body: SignOut,
        response: { 204: NoContent },
      },
    },
    async (request, reply) => {
      await signOut(contextOf(services, request), { all: request.body?.all ?? false })
      return reply.code(204).send(null)
    },
  )
}
