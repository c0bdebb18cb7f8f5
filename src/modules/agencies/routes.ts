import { Type } from 'typebox'
import type { App } from '../../http/index.ts'
import { sha256 } from '../../lib/secrets.ts'
import type { Services } from '../../services.ts'
import { agenciesText } from './agencies.ts'
import { AgencyList } from './schema.ts'

export function agenciesRoutes(app: App, services: Services): void {
  app.get(
    '/v1/agencies',
    {
      config: { access: 'public' },
      schema: {
        tags: ['public'],
        summary: 'All agencies, by name',
        description: 'Changes rarely: send `If-None-Match` with the `ETag` of the last answer.',
        response: { 200: AgencyList, 304: Type.Null({ description: 'As you know it' }) },
      },
    },
    async (request, reply) => {
      const text = await agenciesText(services)
      const tag = `"${sha256(text).toString('base64url').slice(0, 22)}"`
      reply.header('etag', tag).header('cache-control', 'public, max-age=300')
      if (knows(request.headers['if-none-match'], tag)) return reply.code(304).send(null)
      return reply.send(JSON.parse(text))
    },
  )
}

/** RFC 9110, 13.1.2: a list of tags, or `*`, compared weakly. */
const knows = (header: string | undefined, tag: string): boolean =>
  (header ?? '')
    .slice(0, 1_000)
    .split(',')
    .some(part => part.trim() === '*' || part.trim().replace(/^W\//, '') === tag)
