import { Counter, Gauge, Histogram } from 'prom-client'
import { Times } from './times.ts'
import { type Attributes, startCall } from './traces.ts'

/*
 * Every metric of a process of ours but those of queues and workers, which the task monitor has (src/monitor/metrics.ts).
 * Names by the conventions of Prometheus: base units, `_total` for what only grows. A label has few values, known
 * beforehand: routes, tasks, queues, outcomes; never an id, a name or an address.
 */

/** Seconds, from a quick answer to one that nobody waits for. */
const ANSWER = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
/** Seconds, from at once to what waited for its last retry. */
const WORK = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1_800, 3_600]

const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
  new Counter({ name, help, labelNames })
const gauge = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
  new Gauge({ name, help, labelNames })
const histogram = <L extends string>(name: string, help: string, buckets: number[], ...labelNames: L[]) =>
  new Histogram({ name, help, buckets, labelNames })

export const metrics = {
  process: gauge('samaconso_process_info', 'Always 1: what this process is.', 'role', 'version'),

  requests: new Times(
    'samaconso_http_request_duration_seconds',
    'Time until the answer to a request was ready; those of balancers to /health are left out.',
    ANSWER,
    ...(['method', 'route', 'status'] as const),
  ),
  problems: counter(
    'samaconso_http_problems_total',
    'Answers that refuse or fail, by the code of their problem.',
    'code',
  ),
  signIns: counter(
    'samaconso_sign_ins_total',
    'Sign-ins and refreshed sessions, by what was shown and what became of it: ok, or the code of the problem.',
    ...(['grant', 'outcome'] as const),
  ),
  websockets: gauge('samaconso_websockets', 'WebSockets of this instance.', 'state'),

  databaseConnections: gauge(
    'samaconso_database_connections',
    'Connections of this process to PgBouncer or PostgreSQL.',
    'state',
  ),
  databaseWaiting: gauge('samaconso_database_waiting', 'Callers that wait for a connection of this process.'),
  cacheReads: counter('samaconso_cache_reads_total', 'Answers asked of the cache.'),
  cacheLoads: counter('samaconso_cache_loads_total', 'Answers that the cache had to have loaded.'),
  dependencyUp: gauge(
    'samaconso_dependency_up',
    'Whether this process can use what it depends on; 0 also while its circuit breaker is open.',
    'dependency',
  ),
  outsideCalls: new Times(
    'samaconso_outside_call_duration_seconds',
    'Time of a call of a system outside the product, by its outcome; left_alone: refused by the circuit breaker.',
    ANSWER,
    ...(['system', 'outcome'] as const),
  ),

  tasks: counter(
    'samaconso_tasks_total',
    'What happened to tasks, by task, queue and outcome.',
    ...(['task', 'queue', 'outcome'] as const),
  ),
  taskWait: histogram(
    'samaconso_task_wait_seconds',
    'From when a task could be worked on until it began.',
    WORK,
    ...(['task', 'queue'] as const),
  ),
  taskRun: histogram(
    'samaconso_task_run_seconds',
    'From the begin of a task to its end, well or not.',
    WORK,
    ...(['task', 'queue'] as const),
  ),
  deliveries: counter(
    'samaconso_deliveries_total',
    'Pushes accounted for, by outcome and by whether they belong to a broadcast.',
    ...(['outcome', 'kind'] as const),
  ),
  deliveryDelay: histogram(
    'samaconso_delivery_delay_seconds',
    'From when a notification to one customer was accepted until a push of it was sent.',
    WORK,
    'queue',
  ),

  schedulerActive: gauge(
    'samaconso_scheduler_active',
    '1 while this scheduler does what is due, 0 while another does.',
  ),
  jobs: histogram(
    'samaconso_scheduled_job_duration_seconds',
    'Runs of what the scheduler does, by name and outcome.',
    WORK,
    ...(['name', 'outcome'] as const),
  ),
  watcherDelay: gauge(
    'samaconso_watcher_delay_seconds',
    'How long ago all was looked at that is new in a system of the company; told by the active scheduler.',
    'watcher',
  ),
  watcherFound: counter(
    'samaconso_watcher_found_total',
    'What watchers of the company’s systems found that was new.',
    'watcher',
  ),
  broadcasts: gauge(
    'samaconso_broadcasts',
    'Broadcasts that are not over; told by the active scheduler.',
    'state',
  ),
  broadcastDevices: gauge(
    'samaconso_broadcast_devices',
    'Devices of the broadcasts under way, by what became of them so far; told by the active scheduler.',
    'outcome',
  ),
  customers: gauge('samaconso_customers', 'Accounts of customers; told by the active scheduler.'),
  activeCustomers: gauge(
    'samaconso_active_customers',
    'Customers with a session used in the last 24 hours; told by the active scheduler.',
  ),
  meterLinks: gauge(
    'samaconso_meter_links',
    'Meters linked to customers, by status; told by the active scheduler.',
    'status',
  ),

  spans: counter(
    'samaconso_spans_total',
    'Spans of traces by what became of them; dropped: the collector was away, or more came than may wait.',
    'outcome',
  ),
  logLines: counter('samaconso_log_lines_total', 'Lines of the log, by level.', 'level'),
}

/** Times a call of a system outside, and shows it in the trace under way; one that rejects has failed. */
export async function timed<T>(
  system: string,
  work: () => Promise<T>,
  outcomeOf: (result: T) => string = () => 'ok',
  ids: Attributes = {},
): Promise<T> {
  const startedAt = performance.now()
  const span = startCall(`call ${system}`)
  let outcome = 'failed'
  try {
    const result = await work()
    outcome = outcomeOf(result)
    return result
  } catch (error) {
    span?.fail(error)
    throw error
  } finally {
    const series = metrics.outsideCalls.series(system, outcome)
    metrics.outsideCalls.add(series, (performance.now() - startedAt) / 1_000)
    span?.set({ ...ids, 'samaconso.system': system, 'samaconso.outcome': outcome })
    span?.end()
  }
}
