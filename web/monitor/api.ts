// Made from openapi-monitor.json by `npm run openapi`: change what the monitor answers, not this.

export type Health = 'ok' | 'down'

export interface QueueView {
  queue: string
  ready: number | null
  unacknowledged: number | null
  delayed: number | null
  parked: number | null
  consumers: number
  slots: number
  active: number
  inPerSecond: number | null
  outPerSecond: number | null
  oldestMs: number | null
  waitedMs: number | null
}

export interface Queues {
  broker: Health
  database: Health
  items: Array<QueueView>
  outbox: { waiting: number; oldestSeconds: number | null } | null
}

export interface Sample {
  ready: number
  unacknowledged: number
  delayed: number
  parked: number
  inPerSecond: number
  outPerSecond: number
}

export interface Trend {
  everySeconds: number
  items: Array<{ at: string; queues: Record<string, Sample> | null }>
}

export interface Me {
  user: string
  mayAct: boolean
  readOnly: boolean
  version: string
}

export interface BroadcastView {
  id: string
  state: string
  title: string
  audience: string
  priority: string
  counts: Record<string, number>
  ratePerSecond: number
  secondsLeft: number | null
  reasons: Record<string, number>
  stopReason: string | null
  createdAt: string
  scheduledAt: string | null
  startedAt: string | null
  finishedAt: string | null
}

export interface Broadcasts {
  items: Array<BroadcastView>
  database: Health
}

export interface TaskView {
  id: string
  state: string
  name: string
  queue: string
  worker: string
  attempt: number
  startedAt?: string | null
  finishedAt?: string | null
  runMs?: number | null
  waitMs?: number | null
  queuedAt?: string | null
  publishedAt?: string | null
  error?: string | null
  requestId?: string | null
  replayOf?: string
  resentAt?: string
  discardedAt?: string
  slow?: boolean
  stuck?: boolean
}

export interface Due {
  broadcasts: Array<BroadcastView>
  tasks: Array<TaskView>
  deliveries: Array<{ queue: string; count: number; first: string; last: string }>
  delayed: Array<{ queue: string; delayed: number }>
  broker: Health
  database: Health
}

export interface AuditPage {
  items: Array<{ id: string; at: string; who: string; action: string; object: string | null; detail: Record<string, unknown>; requestId: string | null }>
  nextCursor: string | null
  database: Health
}

export type QueueName = 'urgent' | 'high_priority' | 'normal' | 'low_priority'

export interface WorkerView {
  name: string
  state: 'running' | 'draining' | 'lost' | 'stopped'
  host: string
  pid: number
  version: string
  role?: string
  startedAt: string
  lastSeenAt: string
  namesake?: boolean
  queues: Array<{ queue: QueueName; slots: number; active: number; reserved: number }>
  active: number
  slow: number
  stuck: number
  succeeded: number
  failed: number
  ratePerSecond: number
  loopDelayMs: number
  memoryBytes: number
  dropped: { events: number; history: number; results: number }
}

export interface WorkerDetail {
  name: string
  state: 'running' | 'draining' | 'lost' | 'stopped'
  host: string
  pid: number
  version: string
  role?: string
  startedAt: string
  lastSeenAt: string
  namesake?: boolean
  queues: Array<{ queue: QueueName; slots: number; active: number; reserved: number }>
  active: number
  slow: number
  stuck: number
  succeeded: number
  failed: number
  ratePerSecond: number
  loopDelayMs: number
  memoryBytes: number
  dropped: { events: number; history: number; results: number }
  answered: boolean
  activeTasks: Array<{ id: string; task: string; queue: string; attempt: number; startedAt: number; slow: boolean; stuck: boolean }>
  reservedTasks: Array<{ id: string; task: string; queue: string; attempt: number }>
}

export interface Configuration {
  mostSlots: number
  tasks: Array<{ name: string; queue: QueueName; attempts: number; slowMs: number }>
  settings: Array<{ name: string; value: string | null; isDefault: boolean }>
}

export interface Pool {
  worker: string
  queues: Record<string, number>
}

export interface TaskPage {
  items: Array<TaskView>
  nextCursor: string | null
  database?: Health
}

export interface AttemptView {
  id: string
  state: string
  name: string
  queue: string
  worker: string
  attempt: number
  startedAt?: string | null
  finishedAt?: string | null
  runMs?: number | null
  waitMs?: number | null
  queuedAt?: string | null
  publishedAt?: string | null
  error?: string | null
  requestId?: string | null
  replayOf?: string
  resentAt?: string
  discardedAt?: string
  slow?: boolean
  stuck?: boolean
  arguments?: string | null
}

export interface Cause {
  requestId: string
  acts: Array<{ role: string | null; accountId: string | null; action: string; at: string }>
}

export interface TaskDetail {
  id: string
  state: string
  name?: string
  queue?: string
  worker?: string
  attempt?: number
  startedAt?: string | null
  finishedAt?: string | null
  runMs?: number | null
  waitMs?: number | null
  queuedAt?: string | null
  publishedAt?: string | null
  error?: string | null
  requestId?: string | null
  replayOf?: string
  resentAt?: string
  discardedAt?: string
  slow?: boolean
  stuck?: boolean
  attempts: Array<AttemptView>
  cause: Cause | null
  parked: { kind: 'task'; id: string; name: string; queue: QueueName; attempt: number; reason: string; parkedAt: string } | null
  revoked: { by: string; at: string } | null
  result: { id: string; task: string; queue?: string; attempt: number; state: string; worker: string; finishedAt: string; runMs: number | null; error: string | null } | null
  database: Health
  broker: Health
}

export interface Revoked {
  id: string
  revoked: boolean
  terminated?: boolean
  workers: Array<string>
  silent: Array<string>
}

export interface RetriedAll {
  dryRun: boolean
  matched: number
  retried: number
  missing: number
  more: boolean
  nextCursor: string | null
}

export interface RevokedAll {
  dryRun: boolean
  matched: number
  revoked: number
  more: boolean
  silent?: Array<string>
}

export type ParkedItem = { kind: 'task'; id: string; name: string; queue: QueueName; attempt: number; reason: string; parkedAt: string } | { kind: 'delivery'; id: string; notificationId: string | null; broadcastId: string | null; queue: string; size: number | null; reason: string; parkedAt: string }

export interface ParkedGroup {
  kind: 'task' | 'delivery'
  name: string | null
  queue: QueueName
  cause: string
  count: number
  oldestAt?: string
  newestAt?: string
}

export interface ParkedPage {
  items: Array<ParkedItem>
  groups: Array<ParkedGroup>
  total: { tasks: number | null; deliveries: number | null }
  broker: Health
  database: Health
}

export interface Replayed {
  dryRun: boolean
  matched: number
  replayed: { tasks: number; deliveries: number }
  more: boolean
  broker: Health
  database: Health
}

export interface Discarded {
  dryRun: boolean
  matched: number
  discarded: number
  kept: number
  more: boolean
}

/** By method and path. */
export interface Operations {
  'GET /api/queues': { answer: Queues }
  'GET /api/queues/history': { answer: Trend }
  'GET /api/me': { answer: Me }
  'GET /api/broadcasts': { answer: Broadcasts }
  'GET /api/due': { answer: Due }
  'GET /api/audit': { query?: { limit?: number; cursor?: string }; answer: AuditPage }
  'GET /api/workers': { answer: { items: Array<WorkerView> } }
  'GET /api/workers/{name}': { path: { name: string }; answer: WorkerDetail }
  'GET /api/workers/{name}/configuration': { path: { name: string }; answer: Configuration }
  'POST /api/workers/{name}/shutdown': { path: { name: string }; body?: Record<string, never>; answer: { worker: string; state: string } }
  'POST /api/workers/{name}/pool/grow': { path: { name: string }; body?: { n?: number; queue?: 'urgent' | 'high_priority' | 'normal' | 'low_priority' }; answer: Pool }
  'POST /api/workers/{name}/pool/shrink': { path: { name: string }; body?: { n?: number; queue?: 'urgent' | 'high_priority' | 'normal' | 'low_priority' }; answer: Pool }
  'POST /api/workers/{name}/queue/add-consumer': { path: { name: string }; body: { queue: 'urgent' | 'high_priority' | 'normal' | 'low_priority'; slots?: number }; answer: Pool }
  'POST /api/workers/{name}/queue/cancel-consumer': { path: { name: string }; body: { queue: 'urgent' | 'high_priority' | 'normal' | 'low_priority' }; answer: Pool }
  'GET /api/tasks': { query?: { state?: 'started' | 'lost' | 'succeeded' | 'retried' | 'parked' | 'revoked' | 'interrupted' | 'failed'; queue?: 'urgent' | 'high_priority' | 'normal' | 'low_priority'; name?: string; worker?: string; from?: string; to?: string; search?: string; limit?: number; cursor?: string }; answer: TaskPage }
  'GET /api/tasks/{id}': { path: { id: string }; answer: TaskDetail }
  'POST /api/tasks/{id}/revoke': { path: { id: string }; body?: Record<string, never>; answer: Revoked }
  'POST /api/tasks/{id}/terminate': { path: { id: string }; body?: Record<string, never>; answer: Revoked }
  'POST /api/tasks/{id}/retry': { path: { id: string }; body?: Record<string, never>; answer: { id: string; retried: boolean } }
  'POST /api/tasks/retry': { body?: { state?: 'started' | 'lost' | 'succeeded' | 'retried' | 'parked' | 'revoked' | 'interrupted' | 'failed'; queue?: 'urgent' | 'high_priority' | 'normal' | 'low_priority'; name?: string; worker?: string; from?: string; to?: string; search?: string; dryRun?: boolean; limit?: number; cursor?: string }; answer: RetriedAll }
  'POST /api/tasks/revoke': { body?: { state?: 'started' | 'lost' | 'succeeded' | 'retried' | 'parked' | 'revoked' | 'interrupted' | 'failed'; queue?: 'urgent' | 'high_priority' | 'normal' | 'low_priority'; name?: string; worker?: string; from?: string; to?: string; search?: string; dryRun?: boolean; limit?: number }; answer: RevokedAll }
  'GET /api/parked': { query?: { kind?: 'task' | 'delivery'; queue?: 'urgent' | 'high_priority' | 'normal' | 'low_priority'; name?: string; cause?: string; limit?: number }; answer: ParkedPage }
  'POST /api/parked/replay': { body?: { kind?: 'task' | 'delivery'; ids?: Array<string>; cause?: string; queue?: 'urgent' | 'high_priority' | 'normal' | 'low_priority'; name?: string; dryRun?: boolean }; answer: Replayed }
  'POST /api/parked/discard': { body: { kind?: 'task' | 'delivery'; ids?: Array<string>; cause?: string; queue?: 'urgent' | 'high_priority' | 'normal' | 'low_priority'; name?: string; dryRun?: boolean; reason: string }; answer: Discarded }
}
