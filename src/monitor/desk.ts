import type { FastifyRequest } from 'fastify'
import { Problem } from '../lib/problems.ts'
import { type Act, recordAs } from '../modules/audit/index.ts'
import { type Asked, openRemote, type Remote } from '../tasks/index.ts'
import { heard, type Said } from './asking.ts'
import { type Floor, watchFloor } from './floor.ts'
import type { MonitorOptions } from './options.ts'
import { type Trend, watchTrend } from './trend.ts'

type Command = Parameters<Remote['ask']>[0]

/** What the monitor's routes work with. */
export interface Desk extends MonitorOptions {
  floor: Floor
  remote: Remote
  /** Asks a dependency, which may be away. */
  hear<T>(what: string, work: () => Promise<T>): Promise<Said<T>>
  /** Writes what an operator is about to do into the audit log; without it nothing is done. */
  record(request: FastifyRequest, act: Act): Promise<void>
  /** Name of the operator in the audit log. */
  operator: string
  /** What queues held lately. */
  trend: Trend
  /** Asks one worker to do something, and gives its result; a `Problem` when it does not. */
  command<T>(request: FastifyRequest, worker: string, command: Command, args: object): Promise<T>
  /** Tells every worker something, and says who did not reply. */
  tellAll(command: 'revoke' | 'terminate', ids: readonly string[]): Promise<Asked>
  close(): void
}

const REPLY_MS = 2_000

export function openDesk(options: MonitorOptions): Desk {
  const { fanout, clock, log, db, config } = options
  const floor = watchFloor(fanout, clock)
  const remote = openRemote(fanout)
  const operator = `monitor:${config.monitorUser}`
  const trend = watchTrend(options, floor)

  async function record(request: FastifyRequest, act: Act): Promise<void> {
    const actor = { id: null, role: operator, requestId: request.id }
    const written = await heard(log, 'audit', () => recordAs(db, actor, [act]))
    if (written.state === 'ok') return
    throw new Problem('unavailable', {
      retryAfter: 5,
      detail: {
        fr: 'Rien n’a été fait : la base de données ne répond pas, et rien ne se fait ici sans trace.',
        en: 'Nothing was done: the database does not answer, and nothing is done here without a record.',
      },
    })
  }

  // Whoever is there says so at once instead of at the next heartbeat.
  void remote.ask('ping', {}, { to: null, expected: [] })
  return {
    ...options,
    floor,
    remote,
    operator,
    trend,
    record,
    hear: (what, work) => heard(log, what, work),
    async command<T>(request: FastifyRequest, worker: string, command: Command, args: object) {
      const known = floor.worker(worker)
      if (!known) throw new Problem('not_found')
      if (known.state === 'stopped') throw conflict('the worker has ended')
      await record(request, {
        action: `worker.${command}`,
        objectKind: 'worker',
        objectId: worker,
        detail: { ...args },
      })
      const { replies } = await remote.ask(command, args as never, { to: [worker] }, REPLY_MS)
      const reply = replies.get(worker)
      if (!reply) {
        throw new Problem('unavailable', {
          retryAfter: 5,
          detail: {
            fr: 'Le worker n’a pas répondu à temps : on ne sait pas s’il l’a fait.',
            en: 'The worker did not reply in time: whether it did it is not known.',
          },
        })
      }
      // What workers of our protocol say.
      if (!reply.fault) return reply.result as T
      if (reply.fault.code === 'conflict') throw conflict(reply.fault.message)
      throw new Problem('internal', { cause: new Error(reply.fault.message) })
    },
    tellAll(command, ids) {
      const alive = floor.workers().filter(({ state }) => state === 'running' || state === 'draining')
      const expected = alive.map(({ last }) => last.name)
      return remote.ask(command, { ids: [...ids] }, { to: null, expected }, REPLY_MS)
    },
    close() {
      trend.close()
      floor.close()
      remote.close()
    },
  }
}

/** The words are the worker's own, in English for both: they name queues and numbers. */
export const conflict = (words: string): Problem =>
  new Problem('conflict', { detail: { fr: words, en: words } })
