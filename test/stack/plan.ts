import type { Ports } from './ports.ts'
import type { Program } from './program.ts'

type Env = Record<string, string>

export interface PlanOptions {
  ports: Pick<Ports, 'api1' | 'api2' | 'monitor'>
  /** What every process is given: addresses, secrets. */
  env: Env
}

/** The roles as processes, by the names that they are given. */
export function rolesAs(env: Env) {
  const role = (name: string, args: readonly string[], own: Env, ready: Program['ready']): Program => ({
    name,
    command: ['src/main.ts', ...args],
    env: { ...env, INSTANCE: name, ...own },
    ready,
  })
  return {
    worker: (name: string, queues: readonly string[]) =>
      role(
        name,
        ['worker', '--queues', queues.join(','), '--concurrency', '4', '--name', name],
        {},
        saysStarted,
      ),
    scheduler: (name: string) => role(name, ['scheduler'], {}, saysStarted),
    api: (name: string, port: number) =>
      role(name, ['api'], { PORT: String(port) }, () =>
        answers(`http://127.0.0.1:${port}/health/ready`, 200),
      ),
    monitor: (name: string, port: number) =>
      role(name, ['monitor'], { MONITOR_PORT: String(port) }, () =>
        answers(`http://127.0.0.1:${port}/healthcheck`, 401),
      ),
  }
}

/**
 * The product's processes as in production, by the names they have there, in the order in which they start: whoever
 * works before whoever gives work.
 */
export function plan({ ports, env }: PlanOptions): Program[][] {
  const { worker, scheduler, api, monitor } = rolesAs(env)
  return [
    [
      worker('samaconso_worker_1', ['urgent', 'high_priority']),
      worker('samaconso_worker_2', ['normal', 'low_priority']),
      scheduler('samaconso_scheduler_1'),
      scheduler('samaconso_scheduler_2'),
    ],
    [
      api('samaconso_api_1', ports.api1),
      api('samaconso_api_2', ports.api2),
      monitor('samaconso_monitor', ports.monitor),
    ],
  ]
}

/** A process that answers nobody writes this into its log once it works. */
const saysStarted: Program['ready'] = async printed => {
  if (!printed('"event":"started"')) throw new Error('it has not written that it has started')
}

async function answers(url: string, wanted: number): Promise<void> {
  const { status } = await fetch(url, { signal: AbortSignal.timeout(2_000) })
  if (status !== wanted) throw new Error(`${url} answers ${status}`)
}
