import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Supervisor, type UnitStatus, UnknownUnit } from './supervisor.ts'

/** What a second terminal may ask of a running stack. */
export type Request =
  | { ask: 'status' }
  | { ask: 'kill'; name: string; signal: NodeJS.Signals }
  | { ask: 'restart'; name: string }

type Answer = { ok: true; status: UnitStatus[] } | { ok: false; error: string }

const ANSWER_MS = 30_000
const LONGEST = 10_000

/** In the stack's folder: says where it answers. */
export const controlFile = (dir: string): string => join(dir, 'control')

/** Answers requests on a socket that its owner alone can reach; its path is short, as systems want it. */
export async function serveControl(
  supervisor: Supervisor,
): Promise<{ path: string; close(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'samaconso-'))
  const path = join(folder, 'control')
  const sockets = new Set<Socket>()
  const server: Server = createServer({ allowHalfOpen: true }, socket => {
    sockets.add(socket)
    socket.setTimeout(ANSWER_MS, () => socket.destroy())
    // Whoever went away needs no answer.
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
    void readAll(socket)
      .then(text => answer(supervisor, text))
      .then(reply => socket.end(JSON.stringify(reply)))
  })
  await new Promise<void>((done, fail) => {
    server.once('error', fail)
    server.listen(path, done)
  })
  return {
    path,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise(done => server.close(done))
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Asks a running stack; rejects with what it says when it cannot do that. */
export async function askControl(path: string, request: Request): Promise<UnitStatus[]> {
  const socket = connect(path)
  socket.setTimeout(ANSWER_MS, () => socket.destroy(new Error('The stack does not answer.')))
  await new Promise((done, fail) => {
    socket.once('connect', done)
    socket.once('error', fail)
  })
  socket.end(JSON.stringify(request))
  const reply = JSON.parse(await readAll(socket)) as Answer
  if (!reply.ok) throw new UnknownUnit(reply.error)
  return reply.status
}

async function answer(supervisor: Supervisor, text: string): Promise<Answer> {
  try {
    const request = JSON.parse(text) as Request
    if (request.ask === 'kill') {
      if (!Object.hasOwn(constants.signals, request.signal)) throw new Error(`No signal ${request.signal}.`)
      supervisor.kill(request.name, request.signal)
    } else if (request.ask === 'restart') await supervisor.restart(request.name)
    return { ok: true, status: supervisor.status() }
  } catch (error) {
    return { ok: false, error: (error as Error).message }
  }
}

async function readAll(socket: Socket): Promise<string> {
  let text = ''
  socket.setEncoding('utf8')
  for await (const chunk of socket) {
    text += chunk
    if (text.length > LONGEST) throw new Error('Too long.')
  }
  return text
}
