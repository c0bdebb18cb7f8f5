import type { IncomingMessage, ServerResponse } from 'node:http'
import { ControlError } from './problems.ts'

const LARGEST_BODY = 64 * 1024

/** The JSON of a request, whatever content type it claims, so that `curl -d` works as it is. Throws a `ControlError`. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > LARGEST_BODY) throw new ControlError(413, 'too_large', 'The body is larger than 64 KB')
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString())
  } catch {
    throw new ControlError(400, 'malformed', 'The body is not JSON')
  }
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
  })
  response.end(`${JSON.stringify(body)}\n`)
}

/** A `ControlError` as it is; anything else is our own fault and shows nothing of itself. */
export function sendError(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  const { status, code, message } =
    error instanceof ControlError ? error : new ControlError(500, 'internal', 'The simulator failed')
  sendJson(response, status, { status, code, detail: message })
}

/**
 * Pages of other sites may not command the simulators through a visitor's browser: what changes something comes from
 * our own page, or from no page at all.
 */
export function refuseForeignPages(request: IncomingMessage): void {
  const { origin, host } = request.headers
  if (origin !== undefined && origin !== `http://${host}`) {
    throw new ControlError(403, 'forbidden', 'Another site’s page may not do this')
  }
}
