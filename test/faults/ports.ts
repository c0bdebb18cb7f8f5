import { randomInt } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { Ports } from '../stack/ports.ts'

const LOWEST = 10_000
const TRIES = 200
const NAMES = [
  'api1',
  'api2',
  'monitor',
  'postgres',
  'pgbouncer',
  'rabbitmq',
  'rabbitmqManagement',
  'rabbitmqMetrics',
  'redis',
  's3',
  'simulators',
  'proxy',
] as const

export type FaultPorts = Ports & { proxy: number }

/**
 * Free ports below those that the system gives to outgoing connections: a server that was killed must find its own free
 * again, whatever connected meanwhile.
 */
export async function pickSteadyPorts(): Promise<FaultPorts> {
  const range = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').catch(() => '32768 60999')
  const highest = Number.parseInt(range, 10)
  const picked = new Set<number>()
  for (let tries = 0; picked.size < NAMES.length && tries < TRIES; tries++) {
    const port = randomInt(LOWEST, highest)
    if (await isFree(port)) picked.add(port)
  }
  const ports = [...picked]
  if (ports.length < NAMES.length) throw new Error('Not enough ports of 127.0.0.1 are free.')
  return Object.fromEntries(NAMES.map((name, i) => [name, ports[i]])) as FaultPorts
}

const isFree = (port: number): Promise<boolean> =>
  new Promise(done => {
    const probe = createServer()
    probe.once('error', () => done(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => done(true)))
  })
