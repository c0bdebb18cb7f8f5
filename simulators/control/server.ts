import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { EventHub } from './events.ts'
import { readJson, refuseForeignPages, sendError, sendJson } from './http.ts'
import { isPageFile, sendPageFile } from './page.ts'
import { ControlError } from './problems.ts'

/** What a route gives back: the status (200 when not said) and the JSON. */
export interface Answer {
  status?: number
  body: unknown
}

export interface Call {
  query: URLSearchParams
  /** The JSON of the request; undefined for GET and DELETE. */
  body: unknown
}

export type Action = (call: Call) => Answer

/** By path, then by method. */
export type Routes = Record<string, Partial<Record<'GET' | 'POST' | 'DELETE', Action>>>

export interface ControlOptions {
  port: number
  routes: Routes
  events: EventHub
  /** Told of faults of our own, which the caller is not shown. */
  onTrouble: (error: Error) => void
}

export interface Control {
  port: number
  url: string
  close(): Promise<void>
}

const MOST_TOKENS = 200

/** Serves the routes, the live events and the page on 127.0.0.1. Rejects when the port is taken. */
export async function startControl(options: ControlOptions): Promise<Control> {
  const { routes, events } = options

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = addressOf(request)
    const method = request.method === 'HEAD' ? 'GET' : (request.method ?? '')
    if (method === 'GET' && isPageFile(pathname)) {
      await sendPageFile(response, pathname)
    } else if (method === 'GET' && pathname === '/events') {
      const tokens = new Set(searchParams.getAll('token').slice(0, MOST_TOKENS))
      if (!events.join(response, tokens))
        throw new ControlError(503, 'unavailable', 'Too many pages are open')
    } else {
      if (method !== 'GET') refuseForeignPages(request)
      const act = find(routes, pathname, method, response)
      const body = method === 'POST' ? await readJson(request) : undefined
      const answer = act({ query: searchParams, body })
      sendJson(response, answer.status ?? 200, answer.body)
    }
  }

  const server = createServer((request, response) => {
    serve(request, response).catch((error: NodeJS.ErrnoException) => {
      sendError(response, error)
      // A caller that breaks off is its own affair.
      if (!(error instanceof ControlError) && error.code !== 'ECONNRESET') options.onTrouble(error)
    })
  })
  server.maxConnections = 512
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        events.close()
        server.closeAllConnections()
      }),
  }
}

function addressOf(request: IncomingMessage): URL {
  const address = `http://127.0.0.1${request.url ?? '/'}`
  if (!URL.canParse(address)) throw new ControlError(400, 'malformed', 'The address is not one')
  return new URL(address)
}

function find(routes: Routes, path: string, method: string, response: ServerResponse): Action {
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined
  if (!route) throw new ControlError(404, 'not_found', `Nothing is at ${path}`)
  const act = Object.entries(route).find(([name]) => name === method)?.[1]
  if (act) return act
  const allowed = Object.keys(route).join(', ')
  response.setHeader('allow', allowed)
  throw new ControlError(405, 'method_not_allowed', `${path} knows ${allowed}`)
}
