import { createServer } from 'node:http'

/** A span as OTLP has it in JSON, with the process that told it. */
export interface Received {
  name: string
  traceId: string
  spanId: string
  /** Empty for the first of a trace. */
  parentSpanId: string
  instance: string
  attributes: Record<string, unknown>
  isFailed: boolean
}

export interface Collector {
  url: string
  spans: Received[]
  /** All that was received, as it came. */
  text(): string
  stop(): Promise<void>
}

interface Attribute {
  key: string
  value: Record<string, unknown>
}

const attributesOf = (list: Attribute[] = []) =>
  Object.fromEntries(list.map(({ key, value }) => [key, Object.values(value)[0]]))

/** Takes traces as a collector does: OTLP over HTTP, as JSON. */
export async function startCollector(): Promise<Collector> {
  const spans: Received[] = []
  let text = ''
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    if (request.url !== '/v1/traces') return void response.writeHead(404).end()
    text += body
    for (const { resource, scopeSpans } of JSON.parse(body).resourceSpans) {
      const instance = String(attributesOf(resource.attributes)['service.instance.id'])
      for (const span of scopeSpans.flatMap((scope: { spans: unknown[] }) => scope.spans)) {
        const { name, traceId, spanId, parentSpanId = '', attributes, status } = span
        const isFailed = status?.code === 2
        spans.push({
          name,
          traceId,
          spanId,
          parentSpanId,
          instance,
          attributes: attributesOf(attributes),
          isFailed,
        })
      }
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    spans,
    text: () => text,
    stop: () =>
      new Promise(done => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}
