import {
  BrokenCircuitError,
  bulkhead,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleAll,
} from 'cockatiel'
import { Unavailable } from '../lib/problems.ts'
import { metrics, timed } from '../observability/index.ts'
import { createPool, type Row, type Statement } from './pool.ts'
import type { BackOfficeLog, Limits, SqlServerAddress } from './types.ts'

export const LIMITS: Limits = {
  connections: 5,
  queue: 500,
  connectMs: 1500,
  requestMs: 1500,
  cancelMs: 300,
  callMs: 1800,
  failures: 5,
  pauseMs: 5000,
}

export interface SqlServer {
  /**
   * The rows of a statement. Calls that ask the same while one is on its way share its answer. Rejects with `Unavailable`
   * after `callMs` at the latest, and at once while the system is left alone or too many are waiting.
   */
  query(statement: Statement): Promise<readonly Row[]>
  /** Whether it is left alone now. */
  isDown(): boolean
  close(): Promise<void>
}

/**
 * One SQL Server of the company, protected from us: few connections, a bounded queue, time limits, and after some failures
 * in a row nobody asks but a probe now and then, until it answers.
 */
export function openSqlServer(
  system: string,
  address: SqlServerAddress,
  options: { limits: Limits; log: BackOfficeLog; probe: Statement },
): SqlServer {
  const { limits, log } = options
  const pool = createPool(address, limits)
  const slots = bulkhead(limits.connections, limits.queue)
  const breaker = circuitBreaker(handleAll, {
    breaker: new ConsecutiveBreaker(limits.failures),
    halfOpenAfter: limits.pauseMs,
  })
  const flights = new Map<string, Promise<readonly Row[]>>()
  const underWay = new Set<AbortController>()
  let leftAlone = false
  let closed = false
  let probing: NodeJS.Timeout | undefined

  breaker.onBreak(reason => {
    if (!leftAlone) {
      const error = 'error' in reason ? reason.error : undefined
      log.warn({ event: 'backoffice_left_alone', system, error })
    }
    leftAlone = true
    scheduleProbe()
  })
  breaker.onReset(() => {
    leftAlone = false
    log.info({ event: 'backoffice_answers_again', system })
  })

  function scheduleProbe(): void {
    if (closed) return
    clearTimeout(probing)
    probing = setTimeout(probe, limits.pauseMs + 5)
    probing.unref()
  }

  async function probe(): Promise<void> {
    try {
      await withinLimit(signal => breaker.execute(() => pool.run(options.probe, signal)))
    } catch (error) {
      // a failed probe breaks the circuit again, which schedules the next one; only one that came too early does not
      if (error instanceof BrokenCircuitError) scheduleProbe()
    }
  }

  /** Rejects after `callMs` or at the end of everything, and lets the work know. */
  async function withinLimit<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const limit = new AbortController()
    const timer = setTimeout(
      () => limit.abort(new Error(`no answer within ${limits.callMs} ms`)),
      limits.callMs,
    )
    underWay.add(limit)
    try {
      return await Promise.race([work(limit.signal), rejectionOf(limit.signal)])
    } finally {
      clearTimeout(timer)
      underWay.delete(limit)
    }
  }

  const unavailable = (cause: unknown) => new Unavailable(cause, Math.ceil(limits.pauseMs / 1000))

  async function call(statement: Statement): Promise<readonly Row[]> {
    try {
      return await timed(system, () =>
        withinLimit(signal =>
          slots.execute(() => breaker.execute(() => pool.run(statement, signal)), signal),
        ),
      )
    } catch (cause) {
      throw unavailable(cause)
    }
  }

  return {
    query: statement => {
      if (closed) return Promise.reject(unavailable(new Error(`${system} is closed`)))
      // while a probe is out the breaker would let callers wait for its end: they have an older copy to show meanwhile
      if (breaker.state !== CircuitState.Closed) {
        metrics.outsideCalls.add(metrics.outsideCalls.series(system, 'left_alone'), 0)
        return Promise.reject(unavailable(new BrokenCircuitError(`${system} is left alone`)))
      }
      const key = keyOf(statement)
      let flight = flights.get(key)
      if (!flight) {
        flight = call(statement).finally(() => flights.delete(key))
        flights.set(key, flight)
      }
      return flight
    },
    isDown: () => breaker.state !== CircuitState.Closed,
    close: async () => {
      closed = true
      clearTimeout(probing)
      for (const limit of underWay) limit.abort(new Error('closed'))
      await pool.close()
    },
  }
}

const keyOf = ({ text, parameters }: Statement): string =>
  JSON.stringify([text, Object.entries(parameters).map(([name, { value }]) => [name, value])])

/** Rejects with the reason of the signal, when it comes. */
function rejectionOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
