import { bold, box, cyan, dim } from '../../src/roles/embedded/box.ts'
import { say } from '../../src/roles/say.ts'
import type { Ports } from './ports.ts'

export interface Shown {
  ports: Ports
  simulators: string
  monitorPassword: string
  databaseUrl: string
  dir: string
}

/** What a person sees when all runs: where to look and as whom. */
export function welcome({ ports, simulators, monitorPassword, databaseUrl, dir }: Shown): string {
  const at = (port: number, path = '') => cyan(`http://127.0.0.1:${port}${path}`)
  const row = (name: string, value: string, note = '') =>
    `${name.padEnd(15)}${value}${note ? dim(`  ${note}`) : ''}`
  return box([
    bold(
      say({
        fr: 'SamaConso est prêt, en processus séparés comme en production',
        en: 'SamaConso is ready, in processes of their own as in production',
      }),
    ),
    '',
    row('API 1', at(ports.api1, '/v1'), 'samaconso_api_1'),
    row('API 2', at(ports.api2, '/v1'), 'samaconso_api_2'),
    row('Documentation', at(ports.api1, '/docs')),
    row(say({ fr: 'Téléphones', en: 'Phones' }), cyan(simulators)),
    row(say({ fr: 'Tâches', en: 'Tasks' }), at(ports.monitor), `admin / ${monitorPassword}`),
    row('PostgreSQL', String(ports.postgres), `PgBouncer ${ports.pgbouncer}`),
    row(
      'RabbitMQ',
      String(ports.rabbitmq),
      `${ports.rabbitmqManagement} Redis ${ports.redis}  S3 ${ports.s3}`,
    ),
    row('', dim(databaseUrl)),
    '',
    row(say({ fr: 'Cliente', en: 'Customer' }), '+221770000001', 'PIN 7394'),
    row('Agent', 'agent', 'Agent-demo-2026'),
    row('Admin', 'admin', 'Admin-demo-2026'),
    '',
    dim(say({ fr: `Données : ${dir}`, en: `Data: ${dir}` })),
    dim(
      say({
        fr: 'Dans un autre terminal : npm run stack -- --status · --kill worker_1 · --restart api_2',
        en: 'In another terminal: npm run stack -- --status · --kill worker_1 · --restart api_2',
      }),
    ),
    dim(say({ fr: 'Ctrl-C pour arrêter', en: 'Ctrl-C to stop' })),
  ])
}
