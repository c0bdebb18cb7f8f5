import { setTimeout as pause } from 'node:timers/promises'
import { inPlace } from '../../lib/network.ts'
import { run } from '../../lib/run.ts'
import type { Case, Drilling } from './drilling.ts'
import { going } from './product.ts'

const DATABASE_CLIENT = (d: Drilling) => ({
  PGHOST: `${d.lab.root('server1')}/var/run/postgresql`,
  PGDATABASE: 'samaconso',
})
const AS_POSTGRES = 'setpriv --reuid=postgres --regid=postgres --init-groups'

/** Many sessions at once, each of which does the same over and over. */
const sessions = (count: number, session: string) =>
  `for i in $(seq ${count}); do (while :; do ${session}; sleep 0.2; done) & done; wait`

export const databaseCases: readonly Case[] = [
  {
    alerts: ['PgBouncerDown', 'DatabaseUnreachable'],
    what: 'PgBouncer stopped',
    cause: d => d.lab.units.stop('pgbouncer'),
    cure: d => d.lab.units.start('pgbouncer'),
  },
  {
    alerts: ['PostgresDown'],
    what: 'PostgreSQL stopped',
    cause: d => d.lab.units.stop('postgresql'),
    cure: d => d.lab.units.start('postgresql'),
  },
  {
    alerts: ['PostgresConnections'],
    what: '150 sessions of a tool beside PgBouncer',
    ...going(d =>
      d.goOn(
        'server1',
        sessions(150, `${AS_POSTGRES} psql -XqAt -c 'select pg_sleep(60)'`),
        DATABASE_CLIENT(d),
      ),
    ),
    withinMs: 60_000,
  },
  {
    alerts: ['PostgresLocks'],
    what: 'one transaction with exclusive locks on forty tables',
    ...going(d =>
      d.goOn(
        'server1',
        `{ echo 'begin;'; for i in $(seq 40); do echo "create table drill_$i (n int);"; done; echo 'select pg_sleep(300);'; } |
           ${AS_POSTGRES} psql -XqAt`,
        DATABASE_CLIENT(d),
      ),
    ),
  },
  {
    alerts: ['Deadlocks'],
    what: 'pairs of transactions that update two rows in opposite order',
    ...going(async d => {
      const end = d.goOn(
        'server1',
        `psql() { ${AS_POSTGRES} /usr/bin/psql -XqAt "$@" >/dev/null 2>&1; }
         psql -c 'create table if not exists drill_deadlock (n int primary key, m int)'
         psql -c 'insert into drill_deadlock select n, 0 from generate_series(1, 40) n on conflict do nothing'
         pair() { psql -c "begin; update drill_deadlock set m = 1 where n = $1; select pg_sleep(0.4); update drill_deadlock set m = 1 where n = $2; commit"; }
         for i in $(seq 10); do (while :; do pair $i $((i + 20)) & pair $((i + 20)) $i & wait; done) & done; wait`,
        DATABASE_CLIENT(d),
      )
      return end
    }),
    withinMs: 60_000,
  },
  {
    alerts: ['PgBouncerWaiting'],
    what: 'sixty sessions of an operator, of whom twenty get a connection',
    ...going(d =>
      d.goOn('server2', sessions(60, `psql -XqAt -c 'select pg_sleep(60)'`), {
        PGHOST: '192.0.2.11',
        PGPORT: '6432',
        PGUSER: 'samaconso_user',
        PGPASSWORD: d.secrets.database_user_password ?? '',
        PGDATABASE: 'samaconso',
        PGSSLMODE: 'require',
      }),
    ),
    withinMs: 60_000,
  },
]

const management = (d: Drilling, method: string, path: string, body?: object) =>
  run([
    ...[
      ...inPlace('server2'),
      'curl',
      '-sS',
      '--fail-with-body',
      '-u',
      `admin:${d.secrets.rabbitmq_admin_password}`,
    ],
    ...['-X', method, '-H', 'content-type: application/json', ...(body ? ['-d', JSON.stringify(body)] : [])],
    `http://127.0.0.1:15672/api${path}`,
  ])

export const brokerCases: readonly Case[] = [
  {
    alerts: ['RabbitMqUnroutable'],
    what: 'somebody deletes the queue `normal`, to which the product publishes',
    async cause(d) {
      for (let i = 0; i < 4; i++) {
        await management(d, 'DELETE', '/queues/%2F/normal').catch(() => undefined)
        await pause(1_500)
      }
    },
    cure: async () => undefined,
  },
  {
    alerts: ['TasksParked'],
    what: 'a message for a task that this version does not know',
    async cause(d) {
      await management(d, 'POST', '/exchanges/%2F/amq.default/publish', {
        routing_key: 'normal',
        payload: '{}',
        payload_encoding: 'string',
        properties: {
          type: 'task.of.tomorrow',
          message_id: 'drill',
          delivery_mode: 2,
          headers: { attempt: 1 },
        },
      })
    },
    cure: async () => undefined,
  },
]

const redis = (d: Drilling, script: string) =>
  `redis-cli -h 127.0.0.1 --user samaconso --pass '${d.secrets.redis_password}' --no-auth-warning ${script}`

/** So many keys of the cache with so many bytes each, which end by themselves. */
const fill = (d: Drilling, count: number, bytes: number) =>
  redis(
    d,
    `eval "local v = string.rep('x', ${bytes}) for i = 1, ${count} do redis.call('set', 'sc:drill:' .. ARGV[1] .. ':' .. i, v, 'EX', 90) end" 0 $RANDOM$RANDOM`,
  )
const forget = (d: Drilling) =>
  d.lab.on('server3', [
    'bash',
    '-c',
    redis(
      d,
      `eval "local c = '0' repeat local r = redis.call('scan', c, 'match', 'sc:drill:*', 'count', 10000) c = r[1] for _, k in ipairs(r[2]) do redis.call('unlink', k) end until c == '0'" 0`,
    ),
  ])
const dataOf = (d: Drilling) => `${d.lab.root('server3')}/var/lib/samaconso/redis`

export const cacheCases: readonly Case[] = [
  {
    alerts: ['RedisDown'],
    what: 'Redis stopped',
    cause: d => d.lab.units.stop('samaconso_redis'),
    cure: d => d.lab.units.start('samaconso_redis'),
  },
  (() => {
    let end: () => void = () => undefined
    return {
      alerts: ['RedisMemory', 'RedisEvictions'],
      what: 'the cache filled beyond its memory, and written on',
      async cause(d: Drilling) {
        // With time between for whoever measures: Redis does one thing at a time.
        end = d.goOn('server3', `while :; do ${fill(d, 1_000, 20_000)} >/dev/null; sleep 0.5; done`)
      },
      async cure(d: Drilling) {
        end()
        await pause(1_000)
        await forget(d)
      },
      withinMs: 90_000,
    }
  })(),
  {
    alerts: ['RedisPersistence'],
    what: 'its folder taken away from its user, and ten thousand keys written, which it then wants to save',
    async cause(d) {
      await run(['chown', '0:0', dataOf(d)])
      await run(['chmod', '0555', dataOf(d)])
      await d.lab.on('server3', ['bash', '-c', fill(d, 12_000, 10)])
    },
    async cure(d) {
      await run(['chmod', '0755', dataOf(d)])
      await run(['chown', '999:999', dataOf(d)])
    },
    withinMs: 90_000,
  },
]
