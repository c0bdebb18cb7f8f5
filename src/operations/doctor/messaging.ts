import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { Connection } from 'rabbitmq-client'
import { QUEUES } from '../../tasks/index.ts'
import { endpointOf, reach } from './reach.ts'
import { type Check, type Finding, fault, limit, ok, type Patient, skipped, warning } from './types.ts'

const TIME_MS = 3_000

/** Redis on server 3. */
export const redisCheck = ({ config }: Patient): Check => ({
  component: 'redis',
  remedy: {
    fr: 'Sur le serveur 3 : « docker restart samaconso_redis », « docker logs --tail 100 samaconso_redis » ; le pare-feu laisse-t-il passer 6379 ?',
    en: 'On server 3: `docker restart samaconso_redis`, `docker logs --tail 100 samaconso_redis`; does the firewall let 6379 through?',
  },
  async run(signal) {
    if (!config.redisUrl)
      return [skipped('cache dans le processus (embarqué)', 'cache in the process (embedded)')]
    const reached = await reach(endpointOf(config.redisUrl, config.redisCaFile), signal)
    const tls = config.redisCaFile ? { tls: { ca: readFileSync(config.redisCaFile) } } : {}
    const redis = new Redis(config.redisUrl, {
      ...tls,
      lazyConnect: true,
      connectTimeout: TIME_MS,
      commandTimeout: TIME_MS,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
    })
    let told: Error | undefined
    redis.on('error', error => {
      told ??= error
    })
    try {
      await redis.connect().catch(error => Promise.reject(told ?? error))
      await redis.ping()
      const info = await redis.info().catch(() => '')
      return [...reached, ok('répond', 'answers'), ...judgeRedis(info)]
    } finally {
      redis.disconnect()
    }
  },
})

function judgeRedis(info: string): Finding[] {
  const value = (name: string) => new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1]?.trim()
  const findings: Finding[] = []
  const [used, most] = [Number(value('used_memory')), Number(value('maxmemory'))]
  if (most > 0) {
    const percent = Math.round((100 * used) / most)
    findings.push(
      limit(
        percent,
        [80, 95],
        { fr: `mémoire prise à ${percent} %`, en: `memory used to ${percent} %` },
        {
          fr: 'Il n’évince que les clés de cache : cherchez les autres avec « redis-cli --bigkeys ».',
          en: 'It evicts cache keys only: find the others with `redis-cli --bigkeys`.',
        },
      ),
    )
  }
  for (const [field, fr, en] of [
    ['rdb_last_bgsave_status', 'la copie RDB', 'the RDB copy'],
    ['aof_last_write_status', 'le journal AOF', 'the AOF log'],
  ] as const) {
    const state = value(field)
    if (state && state !== 'ok') {
      findings.push(
        fault(
          { fr: `${fr} ne s’écrit plus`, en: `${en} is not written any more` },
          {
            fr: 'Disque plein ? Voyez « disk », puis « redis-cli BGSAVE ».',
            en: 'Disk full? See "disk", then `redis-cli BGSAVE`.',
          },
        ),
      )
    }
  }
  return findings
}

/** RabbitMQ on server 2: its four queues, who works on them, what piles up. */
export const rabbitMqCheck = ({ config }: Patient): Check => ({
  component: 'rabbitmq',
  remedy: {
    fr: 'Sur le serveur 2 : « docker restart samaconso_rabbitmq », « docker logs --tail 100 samaconso_rabbitmq » ; le pare-feu laisse-t-il passer 5672 ?',
    en: 'On server 2: `docker restart samaconso_rabbitmq`, `docker logs --tail 100 samaconso_rabbitmq`; does the firewall let 5672 through?',
  },
  async run(signal) {
    if (!config.rabbitmqUrl)
      return [skipped('files dans le processus (embarqué)', 'queues in the process (embedded)')]
    const reached = await reach(endpointOf(config.rabbitmqUrl, config.rabbitmqCaFile), signal)
    const tls = config.rabbitmqCaFile ? { tls: { ca: readFileSync(config.rabbitmqCaFile) } } : {}
    const rabbit = new Connection({
      url: config.rabbitmqUrl,
      ...tls,
      acquireTimeout: TIME_MS,
      connectionTimeout: TIME_MS,
      connectionName: 'doctor',
    })
    let told: Error | undefined
    rabbit.on('error', error => {
      told ??= error
    })
    try {
      await rabbit.onConnect(TIME_MS).catch(error => Promise.reject(told ?? error))
      const findings: Finding[] = [ok('répond', 'answers')]
      for (const queue of QUEUES) findings.push(...(await queueFindings(rabbit, queue)))
      // Last: who has published is not read any more where disk or memory lack.
      findings.push(await intake(rabbit))
      return [...reached, ...findings]
    } finally {
      rabbit.unsafeDestroy()
    }
  },
})

/** Whether the broker takes messages: for want of disk or memory it stops reading those who publish, and only them. */
async function intake(rabbit: Connection): Promise<Finding> {
  const { promise: blocked, resolve } = Promise.withResolvers<string>()
  rabbit.once('connection.blocked', resolve)
  const publisher = rabbit.createPublisher({ confirm: true })
  // To no queue: it is dropped as soon as it is taken.
  const taken = publisher.send({ routingKey: 'doctor.nobody' }, '')
  taken.catch(() => undefined)
  const reason = await Promise.race([taken.then(() => ''), blocked])
  if (!reason) return ok('prend les messages', 'takes messages')
  const lack = /disk/.test(reason) ? ['disque', 'disk'] : ['mémoire', 'memory']
  return fault(
    { fr: `ne prend plus de messages : manque de ${lack[0]}`, en: `takes no messages: short of ${lack[1]}` },
    {
      fr: 'Rien n’est perdu : ils attendent dans la base. Sur le serveur 2, faites de la place (« df -h ») ou de la mémoire ; tout repart seul.',
      en: 'Nothing is lost: they wait in the database. On server 2, make room (`df -h`) or memory; all goes on by itself.',
    },
  )
}

async function queueFindings(rabbit: Connection, queue: string): Promise<Finding[]> {
  const depth = (name: string) =>
    rabbit.queueDeclare({ queue: name, passive: true }).catch((error: Error & { code?: string }) => {
      if (error.code === 'NOT_FOUND') return undefined
      throw error
    })
  const work = await depth(queue)
  const parked = await depth(`${queue}.parked`)
  if (!work || !parked) {
    return [
      fault(
        { fr: `la file ${queue} n’existe pas`, en: `the queue ${queue} does not exist` },
        {
          fr: 'Une API ou un worker la déclare à son démarrage : sont-ils démarrés, sur ce même hôte virtuel ?',
          en: 'An API or worker declares it when it starts: are they started, on this same virtual host?',
        },
      ),
    ]
  }
  const { messageCount, consumerCount } = work
  const findings = [
    limit(
      messageCount,
      [1_000, 50_000],
      {
        fr: `${queue} : ${messageCount} en attente, ${consumerCount} consommateur(s)`,
        en: `${queue}: ${messageCount} waiting, ${consumerCount} consumer(s)`,
      },
      {
        fr: 'Ajoutez des places au worker (moniteur, 5555) ou un worker ; une diffusion est peut-être en cours.',
        en: 'Give the worker more slots (monitor, 5555) or add one; a broadcast may be under way.',
      },
    ),
  ]
  if (consumerCount === 0) {
    findings.push(
      fault(
        { fr: `${queue} : aucun worker`, en: `${queue}: no worker` },
        {
          fr: 'Sur le serveur 3 : « docker restart samaconso_worker_1 samaconso_worker_2 ».',
          en: 'On server 3: `docker restart samaconso_worker_1 samaconso_worker_2`.',
        },
      ),
    )
  }
  if (parked.messageCount > 0) {
    const count = parked.messageCount
    findings.push(
      warning(
        { fr: `${queue} : ${count} message(s) mis de côté`, en: `${queue}: ${count} message(s) put aside` },
        {
          fr: 'Voyez pourquoi dans le moniteur (5555), puis rejouez-les.',
          en: 'See why in the monitor (5555), then replay them.',
        },
      ),
    )
  }
  return findings
}
