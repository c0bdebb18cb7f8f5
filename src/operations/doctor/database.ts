import { readdir } from 'node:fs/promises'
import type { TLSSocket } from 'node:tls'
import pg from 'pg'
import { DATABASE_QUESTIONS, type DatabaseAnswers } from './database-sql.ts'
import { explain, remedyFor } from './explain.ts'
import { certificate } from './reach.ts'
import { type Check, type Finding, fault, limit, ok, type Patient, warning } from './types.ts'

const MIGRATIONS = new URL('../../../migrations/', import.meta.url)
const CONNECT_MS = 3_000

/** PostgreSQL through PgBouncer: whether it answers, and what is wrong in it. */
export const databaseCheck = (patient: Patient): Check => ({
  component: 'postgresql',
  remedy: {
    fr: 'Sur le serveur 1 : disque plein ? « df -h » ; « systemctl status pgbouncer postgresql », journaux dans /var/log/postgresql ; le pare-feu laisse-t-il passer 6432 ?',
    en: 'On server 1: is the disk full? `df -h`; `systemctl status pgbouncer postgresql`, logs in /var/log/postgresql; does the firewall let 6432 through?',
  },
  async run() {
    const client = new pg.Client({
      connectionString: patient.config.databaseUrl,
      connectionTimeoutMillis: CONNECT_MS,
      query_timeout: CONNECT_MS,
    })
    client.on('error', () => undefined)
    try {
      await client.connect()
      const asked = performance.now()
      const base = await client.query<{ version: number; now: number; migrated: boolean }>(
        `select current_setting('server_version_num')::int version,
           (extract(epoch from clock_timestamp()) * 1000)::float8 now,
           to_regclass('schema_migrations') is not null migrated`,
      )
      const ms = performance.now() - asked
      const { version, now, migrated } = base.rows[0] as { version: number; now: number; migrated: boolean }
      const findings = [
        serverVersion(version),
        ...certificateOf(client),
        clock(patient.now() - now - ms / 2),
        await room(client),
      ]
      if (!migrated) return [...findings, unmigrated(['…'])]
      const { rows } = await client.query<{ name: string }>('select name from schema_migrations')
      const schema = await schemaFinding(rows.map(({ name }) => name))
      if (schema.state === 'fault') return [...findings, schema]
      const answers = await client.query<DatabaseAnswers>(DATABASE_QUESTIONS)
      return [...findings, schema, ...judge(answers.rows[0] as DatabaseAnswers)]
    } finally {
      await client.end().catch(() => undefined)
    }
  },
})

/** How long the certificate lasts that was shown to us, if one was. */
function certificateOf(client: pg.Client): Finding[] {
  const { stream } = (client as unknown as { connection: { stream: Partial<TLSSocket> } }).connection
  const until = stream.getPeerCertificate?.().valid_to
  return until ? [certificate(Date.parse(until), Date.now())] : []
}

/** Sorts more than it may keep in memory: a disk that is full stops that, where reading goes on. */
const SPILL = `begin; set local work_mem = '64kB';
  select count(*) from (select n from generate_series(1, 100000) n order by -n offset 1) sorted; commit`

async function room(client: pg.Client): Promise<Finding> {
  try {
    await client.query(SPILL)
    return ok('son disque prend ce qu’on écrit', 'its disk takes what is written')
  } catch (error) {
    const remedy = remedyFor(error)
    if (!remedy) throw error
    await client.query('rollback')
    return fault(explain(error), remedy)
  }
}

const serverVersion = (version: number): Finding => {
  const major = Math.floor(version / 10_000)
  const what = { fr: `répond, PostgreSQL ${major}`, en: `answers, PostgreSQL ${major}` }
  if (major >= 15) return { state: 'ok', what }
  return fault(what, { fr: 'PostgreSQL 15 au moins est requis.', en: 'PostgreSQL 15 at least is needed.' })
}

function clock(offsetMs: number): Finding {
  const seconds = Math.abs(offsetMs) / 1_000
  const shown = seconds.toFixed(1)
  return limit(
    seconds,
    [1, 10],
    {
      fr: `${shown} s d’écart entre cette horloge et celle de la base`,
      en: `this clock and the database’s differ by ${shown} s`,
    },
    {
      fr: 'Vérifiez NTP sur les deux machines : « timedatectl ».',
      en: 'Check NTP on both machines: `timedatectl`.',
    },
  )
}

async function schemaFinding(applied: readonly string[]): Promise<Finding> {
  const known = (await readdir(MIGRATIONS)).filter(name => name.endsWith('.sql'))
  const missing = known.filter(name => !applied.includes(name)).sort()
  if (missing.length > 0) return unmigrated(missing)
  const newer = applied.filter(name => !known.includes(name)).sort()
  if (newer.length === 0) return ok('structure à jour', 'structure up to date')
  return warning(
    {
      fr: `la base a déjà ${newer.join(', ')} : ce programme est plus ancien`,
      en: `the database has ${newer.join(', ')} already: this program is older`,
    },
    {
      fr: 'Normal pendant une mise à jour ; sinon déployez la même version partout.',
      en: 'Expected during a rollout; otherwise deploy the same version everywhere.',
    },
  )
}

const unmigrated = (missing: readonly string[]): Finding =>
  fault(
    { fr: `structure en retard : ${missing.join(', ')}`, en: `structure behind: ${missing.join(', ')}` },
    { fr: 'Lancez « samaconso migrate ».', en: 'Run `samaconso migrate`.' },
  )

function judge(a: DatabaseAnswers): Finding[] {
  const percent = Math.round((100 * a.connections) / a.most)
  const findings = [
    limit(
      percent,
      [80, 95],
      { fr: `${a.connections} connexions sur ${a.most}`, en: `${a.connections} connections of ${a.most}` },
      {
        fr: 'Passez tout le monde par PgBouncer (6432) ; voyez pg_stat_activity.',
        en: 'Send everybody through PgBouncer (6432); see pg_stat_activity.',
      },
    ),
    limit(
      a.longest,
      [300, 3_600],
      { fr: `plus longue transaction : ${a.longest} s`, en: `longest transaction: ${a.longest} s` },
      {
        fr: "Terminez-la : « select pg_terminate_backend(pid) from pg_stat_activity where xact_start < now() - interval '5 minutes' ».",
        en: "End it: `select pg_terminate_backend(pid) from pg_stat_activity where xact_start < now() - interval '5 minutes'`.",
      },
    ),
    limit(
      a.late,
      [60, 300],
      { fr: `plus ancien envoi en retard : ${a.late} s`, en: `oldest delivery overdue: ${a.late} s` },
      {
        fr: 'Les workers du serveur 3 tournent-ils ? « docker logs -f --tail 100 samaconso_worker_1 ».',
        en: 'Do the workers on server 3 run? `docker logs -f --tail 100 samaconso_worker_1`.',
      },
    ),
    limit(
      a.outbox,
      [30, 120],
      { fr: `plus ancien message à publier : ${a.outbox} s`, en: `oldest message to publish: ${a.outbox} s` },
      {
        fr: 'RabbitMQ ne prend plus rien : voyez « rabbitmq » ci-dessous.',
        en: 'RabbitMQ takes nothing: see "rabbitmq" below.',
      },
    ),
    limit(
      a.watchers,
      [120, 900],
      { fr: `recharges de SIC lues il y a ${a.watchers} s`, en: `top-ups of SIC read ${a.watchers} s ago` },
      {
        fr: 'Les clients ne sont pas prévenus de leurs recharges : SIC répond-il ? Sinon « docker logs samaconso_scheduler_1 ».',
        en: 'Customers are not told of their top-ups: does SIC answer? Else `docker logs samaconso_scheduler_1`.',
      },
    ),
    limit(
      a.xids,
      [50, 75],
      { fr: `compteur de transactions à ${a.xids} %`, en: `transaction counter at ${a.xids} %` },
      { fr: 'Lancez « VACUUM FREEZE » aux heures creuses.', en: 'Run `VACUUM FREEZE` off-peak.' },
    ),
  ]
  const when = (condition: boolean, finding: Finding) => (condition ? [finding] : [])
  return [
    ...findings,
    ...when(
      !a.scheduler,
      fault(
        { fr: 'aucun planificateur actif', en: 'no scheduler is active' },
        {
          fr: 'docker restart samaconso_scheduler_1 (ou samaconso_scheduler_2)',
          en: 'docker restart samaconso_scheduler_1 (or samaconso_scheduler_2)',
        },
      ),
    ),
    ...when(
      a.parked > 0,
      warning(
        { fr: `${a.parked} envoi(s) mis de côté`, en: `${a.parked} delivery(ies) put aside` },
        {
          fr: 'Regardez la raison dans le moniteur (5555), puis rejouez.',
          en: 'See why in the monitor (5555), then replay.',
        },
      ),
    ),
    ...when(
      !a.partitions,
      fault(
        { fr: 'la partition de demain manque', en: 'tomorrow’s partition is missing' },
        {
          fr: 'Le planificateur la fait : redémarrez-le et lisez son journal.',
          en: 'The scheduler makes it: restart it and read its log.',
        },
      ),
    ),
    ...when(
      !a.open,
      fault(
        { fr: 'base restaurée : rien ne part', en: 'restored database: nothing is sent' },
        {
          fr: 'Lancez « samaconso restored » ; le stockage de fichiers doit répondre.',
          en: 'Run `samaconso restored`; the file storage must answer.',
        },
      ),
    ),
    ...when(
      a.held > 0,
      warning(
        {
          fr: `${a.held} diffusion(s) attendent depuis une restauration`,
          en: `${a.held} broadcast(s) wait since a restoration`,
        },
        {
          fr: '« samaconso restored --status », puis « --confirm-broadcasts ».',
          en: '`samaconso restored --status`, then `--confirm-broadcasts`.',
        },
      ),
    ),
    ...when(
      a.maintenance,
      warning(
        { fr: 'maintenance : les clients ne sont pas servis', en: 'maintenance: customers are not served' },
        {
          fr: '« samaconso maintenance off » quand c’est fini.',
          en: '`samaconso maintenance off` when it is over.',
        },
      ),
    ),
    ...when(
      a.archiving === false,
      fault(
        { fr: 'l’archivage des journaux de PostgreSQL échoue', en: 'archiving of PostgreSQL’s log fails' },
        {
          fr: 'Sans lui, pas de retour à la seconde près : voyez le journal de PostgreSQL et l’espace du dépôt de sauvegarde.',
          en: 'No return to a point in time without it: see PostgreSQL’s log and the space of the backup repository.',
        },
      ),
    ),
    ...when(
      a.administrators === 0,
      warning(
        { fr: 'aucun administrateur', en: 'no administrator' },
        { fr: '« samaconso user create --login … »', en: '`samaconso user create --login …`' },
      ),
    ),
  ]
}
