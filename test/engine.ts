import { broadcastHandlers } from '../src/modules/broadcasts/index.ts'
import { deliveryHandlers } from '../src/modules/notifications/index.ts'
import { type Broker, Handlers, inProcessBroker, startRelay, startWorker } from '../src/tasks/index.ts'
import type { TestServices } from './harness.ts'

/** Broker, relay and one worker for all queues, as in the embedded mode; `stop` before the services are closed. */
export async function startEngine(
  services: TestServices,
): Promise<{ broker: Broker; stop(): Promise<void> }> {
  const broker = inProcessBroker()
  const handlers = new Handlers()
  deliveryHandlers(handlers, services)
  broadcastHandlers(handlers, services)
  const faults: unknown[] = []
  const slots = services.config.workerSlots
  const worker = await startWorker(handlers, {
    name: 'test',
    broker,
    queues: { urgent: slots, high_priority: slots, normal: slots, low_priority: slots },
    onEvent: event => void (event.kind === 'failed' && faults.push(event.error)),
  })
  const relay = startRelay({ db: services.db, broker, onError: error => void faults.push(error) })
  services.wakeRelay = relay.wake
  return {
    broker,
    async stop() {
      await worker.stop(5_000)
      await relay.stop()
      await broker.close()
      services.wakeRelay = () => undefined
      if (faults.length > 0) throw faults[0]
    },
  }
}

/**
 * Customers with devices, made by the database: the n-th has `devices[n % devices.length]` of them, with the tokens
 * `<name>-<n>-<i>`. Returns the customers' ids in the order of n.
 */
export async function populate(
  { db }: TestServices,
  { name, customers, devices = [1] }: { name: string; customers: number; devices?: number[] },
): Promise<string[]> {
  const [highest] = await db.query<{ n: number }>(
    "select coalesce(max(substr(phone, 7)::int), 0) n from accounts where phone like '+22178%'",
  )
  const rows = await db.query<{ id: string }>(
    `with people as (
       insert into accounts (id, role, phone, first_name, last_name, name_key, family_key, secret_hash)
       select gen_random_uuid(), 'customer', '+22178' || lpad(($3 + n)::text, 7, '0'), 'Awa', 'Diop', 'awa diop', 'diop awa', 'none'
       from generate_series(1, $2::int) n returning id, substr(phone, 7)::int - $3 n
     ),
     things as (
       insert into devices (id, customer_id, installation, platform, push_token)
       select gen_random_uuid(), id, 'installation-' || i, 'android', $1 || '-' || n || '-' || i
       from people, generate_series(1, ($4::int[])[1 + n % cardinality($4::int[])]) i
     )
     select id from people order by n`,
    [name, customers, highest?.n ?? 0, devices],
  )
  return rows.map(row => row.id)
}
