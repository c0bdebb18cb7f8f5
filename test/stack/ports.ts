import { freePort, isFree } from '../../src/roles/embedded/ports.ts'

/** Where each listens in production. */
const STANDARD = {
  api1: 8001,
  api2: 8002,
  monitor: 5555,
  postgres: 5432,
  pgbouncer: 6432,
  rabbitmq: 5672,
  rabbitmqManagement: 15672,
  rabbitmqMetrics: 15692,
  redis: 6379,
  s3: 9000,
  simulators: 9900,
}

export type Ports = Record<keyof typeof STANDARD, number>

/** The ports of production where they are free, others where somebody else has them. */
export async function pickPorts(): Promise<Ports> {
  const picked: Record<string, number> = {}
  for (const [name, port] of Object.entries(STANDARD))
    picked[name] = (await isFree(port)) ? port : await freePort()
  return picked as Ports
}

/** Free ports alone, for a stack beside others. */
export async function freePorts(): Promise<Ports> {
  const picked: Record<string, number> = {}
  for (const name of Object.keys(STANDARD)) picked[name] = await freePort()
  return picked as Ports
}
