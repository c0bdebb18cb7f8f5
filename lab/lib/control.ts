import { createServer, request, type Server } from 'node:http'
import { join } from 'node:path'
import type { UnitStatus } from '../../test/stack/supervisor.ts'

/** What a second terminal, or a script of a machine, may ask of a running laboratory. */
export interface Controlled {
  status(): UnitStatus[]
  act(verb: Verb, name: string): Promise<void>
  /** Ends the laboratory. */
  down(): void
}

export const VERBS = ['stop', 'start', 'restart', 'replace', 'kill', 'freeze', 'thaw'] as const
export type Verb = (typeof VERBS)[number]

const ANSWER_MS = 150_000

/** Its path is short, as systems want it; the folder lets nobody else through. */
export const socketOf = (folder: string): string => join(folder, 'control')

/** Answers `GET /status`, `POST /units/NAME/VERB` and `POST /down` on a socket of the folder. */
export async function serveControl(folder: string, controlled: Controlled): Promise<Server> {
  const server = createServer((req, res) => {
    answer(req.method ?? '', req.url ?? '', controlled).then(
      body => res.end(`${JSON.stringify(body)}\n`),
      (error: Error) => {
        res.statusCode = 400
        res.end(`${error.message}\n`)
      },
    )
  })
  await new Promise<void>((done, fail) => {
    server.once('error', fail)
    server.listen(socketOf(folder), done)
  })
  return server
}

async function answer(method: string, url: string, controlled: Controlled): Promise<unknown> {
  const [, first, name = '', verb = ''] = url.split('/')
  if (method === 'GET' && first === 'status') return controlled.status()
  if (method === 'POST' && first === 'down') {
    setTimeout(controlled.down, 50)
    return { down: true }
  }
  if (method === 'POST' && first === 'units' && (VERBS as readonly string[]).includes(verb)) {
    await controlled.act(verb as Verb, name)
    return controlled.status().find(unit => unit.name === name)
  }
  throw new Error(`${method} ${url}: GET /status, POST /units/NAME/{${VERBS.join(',')}} or POST /down`)
}

/** Asks a running laboratory; rejects when none answers. */
export function askControl<T>(folder: string, method: string, path: string): Promise<T> {
  return new Promise((done, fail) => {
    const asking = request(
      { socketPath: socketOf(folder), method, path, timeout: ANSWER_MS },
      async response => {
        let text = ''
        for await (const chunk of response) text += chunk
        if (response.statusCode === 200) done(JSON.parse(text))
        else fail(new Error(text.trim()))
      },
    )
    asking.once('timeout', () => asking.destroy(new Error('the laboratory does not answer')))
    asking.once('error', fail)
    asking.end()
  })
}
