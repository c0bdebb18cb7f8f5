import type {} from '@fastify/swagger'
import type { onRequestHookHandler } from 'fastify'
import { PROBLEMS, Problem } from '../lib/problems.ts'
import type { App } from './fastify.ts'
import { ProblemSchema } from './schemas.ts'

const DESCRIPTION = `The interface of SamaConso: consumption, notifications, agencies.

Sign in with \`POST /v1/auth/token\` and send \`Authorization: Bearer <accessToken>\`. Errors are RFC 9457
\`application/problem+json\` with a stable \`code\`; their words are in the language of \`Accept-Language\` (fr, en, wo).
Lists take \`limit\` and an opaque \`cursor\`. A POST that creates something honours \`Idempotency-Key\`. Money is XOF in
whole francs, energy kWh, times ISO 8601.`

const PROBLEM_RESPONSE = {
  description: 'What went wrong, by its stable `code`',
  content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } },
}

const DOCS_POLICY = [
  "default-src 'self'",
  "script-src 'self' 'unsafe-inline'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

const guardPage: onRequestHookHandler = (request, reply, done) => {
  // Whatever the pages' scripts may want, nothing is loaded from other hosts.
  reply.header('content-security-policy', DOCS_POLICY)
  // The pages read it as part of an address, and would fail.
  done(URL.canParse(`http://${request.headers.host}`) ? undefined : new Problem('malformed'))
}

/** OpenAPI 3.1 at /openapi.json, made from the routes' own schemas; readable at /docs. */
export async function documentRoutes(app: App, version: string): Promise<void> {
  // Loaded by whoever serves: the modules' doors lead here in every process, and the page of the documentation is large.
  const { default: swagger } = await import('@fastify/swagger')
  const { default: scalar } = await import('@scalar/fastify-api-reference')
  app.addSchema(ProblemSchema)
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'SamaConso', version, description: DESCRIPTION, license: { name: 'Apache-2.0' } },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
      security: [{ bearer: [] }],
    },
    refResolver: { buildLocalReference: (json, _base, _fragment, i) => String(json.$id ?? `Schema${i}`) },
    transform: ({ schema, url, route }) => {
      const isPublic = route.config?.access === 'public'
      return {
        url,
        schema: {
          ...schema,
          ...(isPublic ? { security: [] } : {}),
          'x-access': route.config?.access,
          response: { ...(schema?.response as object), default: PROBLEM_RESPONSE },
        } as typeof schema,
      }
    },
  })
  app.get('/openapi.json', { config: { access: 'public' }, schema: { hide: true } }, () => app.swagger())
  app.get('/docs/problems', { config: { access: 'public' }, schema: { hide: true } }, (_request, reply) =>
    reply.type('text/html; charset=utf-8').send(problemsPage()),
  )
  // Until there is a portal, whoever comes by the front door finds the documentation.
  app.get('/', { config: { access: 'public' }, schema: { hide: true } }, (_request, reply) =>
    reply.redirect('/docs/'),
  )
  app.addHook('onRoute', route => {
    if (route.url.startsWith('/docs')) route.onRequest = [guardPage, ...[route.onRequest ?? []].flat()]
  })
  await app.register(scalar, {
    routePrefix: '/docs',
    configuration: {
      title: 'SamaConso',
      pageTitle: 'SamaConso',
      url: '/openapi.json',
      withDefaultFonts: false,
      telemetry: false,
      hideClientButton: true,
      showDeveloperTools: 'never',
      agent: { disabled: true },
      mcp: { disabled: true },
    },
  })
}

function problemsPage(): string {
  const rows = Object.entries(PROBLEMS).map(
    ([code, { status, title }]) =>
      `<tr id="${code}"><td><code>${code}</code></td><td>${status}</td><td>${title.fr}</td><td lang="en">${title.en}</td></tr>`,
  )
  return `<!doctype html><html lang="fr"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>SamaConso : codes d’erreur</title>
<style>body{font:16px/1.5 system-ui;margin:2rem auto;max-width:60rem;padding:0 1rem;color-scheme:light dark}
table{border-collapse:collapse;width:100%}td,th{padding:.4rem .6rem;border-bottom:1px solid #8884;text-align:left;overflow-wrap:anywhere}
tr:target{background:#fc03}</style>
<h1>Codes d’erreur</h1><table><thead><tr><th>Code</th><th>HTTP</th><th>Français</th><th lang="en">English</th></tr></thead>
<tbody>${rows.join('')}</tbody></table></html>`
}
