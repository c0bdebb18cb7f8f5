import type { MonitorApp } from './app.ts'

type Json = Record<string, unknown>

/** What the document tells of the monitor, as OpenAPI 3.1: every route that says what it answers. */
export function monitorDocument(routes: MonitorApp['routes'], version: string): Json {
  const schemas: Json = {}
  const paths: Record<string, Json> = {}
  for (const { method, url, schema } of routes) {
    const answers = Object.entries((schema?.response as Json | undefined) ?? {})
    if (answers.length === 0) continue
    const path = url.replace(/:(\w+)/g, '{$1}')
    paths[path] ??= {}
    paths[path][method.toLowerCase()] = {
      parameters: [...parametersOf(schema?.params, 'path'), ...parametersOf(schema?.querystring, 'query')],
      ...(schema?.body ? { requestBody: content(hoist(schema.body, schemas)) } : {}),
      responses: Object.fromEntries(
        answers.map(([code, answer]) => [
          code,
          { description: 'As asked', ...content(hoist(answer, schemas)) },
        ]),
      ),
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'SamaConso, task monitor',
      version,
      description:
        'What workers, tasks and queues do, and how to steer them (docs/tasks.md). Basic Auth; errors are RFC 9457 `application/problem+json`.',
      license: { name: 'Apache-2.0' },
    },
    security: [{ basic: [] }],
    paths,
    components: { securitySchemes: { basic: { type: 'http', scheme: 'basic' } }, schemas },
  }
}

const content = (schema: unknown) => ({ content: { 'application/json': { schema } } })

function parametersOf(schema: unknown, place: 'path' | 'query'): Json[] {
  const { properties = {}, required = [] } = (schema ?? {}) as { properties?: Json; required?: string[] }
  return Object.entries(properties).map(([name, one]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema: plain(one),
  }))
}

const plain = (schema: unknown): unknown => JSON.parse(JSON.stringify(schema))

/** The schema with those that have a title moved to the components. */
function hoist(schema: unknown, schemas: Json): unknown {
  if (Array.isArray(schema)) return schema.map(one => hoist(one, schemas))
  if (typeof schema !== 'object' || schema === null) return schema
  const entries = Object.entries(plain(schema) as Json)
  const inner = Object.fromEntries(entries.map(([key, value]) => [key, hoist(value, schemas)]))
  // A property may be called "title" too.
  if (typeof inner.title !== 'string') return inner
  schemas[inner.title] = inner
  return { $ref: `#/components/schemas/${inner.title}` }
}
