import { readFile } from 'node:fs/promises'
import { get, unexpected } from './reach.ts'
import { type Check, type Finding, fault, limit, ok, type Patient, skipped, warning } from './types.ts'

const HOUR = 3_600_000

/** What the product itself answers, and what watches it. */
export const serviceChecks = (patient: Patient): Check[] => {
  const { config, version } = patient
  const own = config.mode === 'embedded' ? [`http://127.0.0.1:${config.port}`] : []
  const urls = config.apiUrls?.length ? config.apiUrls : own
  return [
    ...(urls.length === 0 ? [unknownApi] : urls.map((url, i) => api(url, i + 1, version))),
    ...(config.monitorUrl ? [monitor(config.monitorUrl)] : []),
    ...(config.prometheusUrl ? [prometheus(config.prometheusUrl)] : []),
    backup(patient),
  ]
}

const unknownApi: Check = {
  component: 'api',
  remedy: { fr: '', en: '' },
  run: async () => [
    skipped('API_URLS est vide : aucune API n’est interrogée', 'API_URLS is empty: no API is asked'),
  ],
}

const api = (url: string, n: number, version: string): Check => {
  const remedy = {
    fr: `Sur le serveur 2 : « docker logs -f --tail 100 samaconso_api_${n} », puis « docker restart samaconso_api_${n} ».`,
    en: `On server 2: \`docker logs -f --tail 100 samaconso_api_${n}\`, then \`docker restart samaconso_api_${n}\`.`,
  }
  return {
    component: `api ${n}`,
    remedy,
    async run(signal) {
      const { status, body, ms } = await get(`${url}/health`, signal)
      const health = body as { status?: string; version?: string; services?: Record<string, string> } | null
      if (typeof health !== 'object' || !health?.status) return [unexpected(status, remedy)]
      const down = Object.entries(health.services ?? {}).flatMap(([name, state]) =>
        state === 'down' ? [name] : [],
      )
      const findings: Finding[] = []
      if (health.status !== 'running') {
        findings.push(fault({ fr: `est « ${health.status} »`, en: `is "${health.status}"` }, remedy))
      }
      if (down.length > 0) {
        const list = down.join(', ')
        findings.push(
          warning(
            { fr: `se passe de : ${list}`, en: `does without: ${list}` },
            {
              fr: 'Voyez ces composants ; l’API sert ce qu’elle peut sans eux.',
              en: 'See these components; the API serves what it can without them.',
            },
          ),
        )
      }
      if (health.version !== version) {
        findings.push(
          warning(
            {
              fr: `version ${health.version}, ici ${version}`,
              en: `version ${health.version}, here ${version}`,
            },
            {
              fr: 'Normal pendant une mise à jour ; sinon déployez la même version partout.',
              en: 'Expected during a rollout; otherwise deploy the same version everywhere.',
            },
          ),
        )
      }
      const shown = Math.round(ms)
      findings.push(
        limit(
          ms,
          [500, 2_000],
          { fr: `répond en ${shown} ms`, en: `answers in ${shown} ms` },
          {
            fr: 'Instance surchargée ? Voyez le tableau de bord « API ».',
            en: 'Is the instance overloaded? See the dashboard "API".',
          },
        ),
      )
      return findings
    },
  }
}

const monitor = (url: string): Check => {
  const remedy = {
    fr: 'Sur le serveur 3 : « docker restart samaconso_monitor ».',
    en: 'On server 3: `docker restart samaconso_monitor`.',
  }
  return {
    component: 'monitor',
    remedy,
    async run(signal) {
      const { status } = await get(`${url}/healthcheck`, signal)
      return [status === 200 ? ok('répond', 'answers') : unexpected(status, remedy)]
    },
  }
}

const prometheus = (url: string): Check => {
  const remedy = {
    fr: 'Sur le serveur 3 : la pile de docker-compose.monitoring.yml tourne-t-elle ?',
    en: 'On server 3: does the stack of docker-compose.monitoring.yml run?',
  }
  return {
    component: 'prometheus',
    remedy,
    async run(signal) {
      const down = await query(url, 'up == 0', signal)
      const alerts = await query(url, 'ALERTS{alertstate="firing"}', signal)
      const findings = [ok('répond', 'answers')]
      if (down.length > 0) {
        const list = down.map(({ job, instance }) => `${job} ${instance}`).join(', ')
        findings.push(
          warning(
            { fr: `ne mesure plus : ${list}`, en: `measures no more: ${list}` },
            {
              fr: 'Ce port de mesures est-il ouvert au serveur 3, et son service démarré ?',
              en: 'Is that metrics port open to server 3, and its service started?',
            },
          ),
        )
      }
      for (const { alertname } of alerts) {
        findings.push(
          warning(
            { fr: `alerte en cours : ${alertname}`, en: `alert firing: ${alertname}` },
            {
              fr: 'Suivez la fiche de cette alerte (docs/runbooks).',
              en: 'Follow that alert’s runbook (docs/runbooks).',
            },
          ),
        )
      }
      return findings
    },
  }
}

/** Labels of the series that a question finds, 50 at most. */
async function query(url: string, text: string, signal: AbortSignal): Promise<Record<string, string>[]> {
  const { status, body } = await get(`${url}/api/v1/query?query=${encodeURIComponent(text)}`, signal)
  const result = (body as { data?: { result?: { metric: Record<string, string> }[] } }).data?.result
  if (status !== 200 || !result) throw new Error(`answered ${status}`)
  return result.slice(0, 50).map(({ metric }) => metric)
}

/** What the backup writes when it ends (docs/operations.md). */
export interface BackupStatus {
  finishedAt: string
  ok: boolean
  bytes: number
  /** When a backup was last restored on a scratch server and its counts compared. */
  restoreProvenAt?: string
}

const backup = ({ config, now }: Patient): Check => ({
  component: 'backup',
  remedy: {
    fr: 'Le fichier BACKUP_STATUS_FILE manque ou est illisible : la sauvegarde a-t-elle tourné ?',
    en: 'The file BACKUP_STATUS_FILE is missing or unreadable: did the backup run?',
  },
  async run() {
    if (!config.backupStatusFile) {
      return [
        skipped(
          'BACKUP_STATUS_FILE est vide : se vérifie sur le serveur 1',
          'BACKUP_STATUS_FILE is empty: checked on server 1',
        ),
      ]
    }
    const status = JSON.parse(await readFile(config.backupStatusFile, 'utf8')) as BackupStatus
    return judgeBackup(status, now())
  },
})

export function judgeBackup(status: BackupStatus, now: number): Finding[] {
  const again = { fr: 'Relancez-la à la main et lisez son journal.', en: 'Run it by hand and read its log.' }
  const hours = Math.round((now - Date.parse(status.finishedAt)) / HOUR)
  const days = Math.round((now - Date.parse(status.restoreProvenAt ?? '')) / (24 * HOUR))
  return [
    status.ok && status.bytes > 0
      ? limit(
          hours,
          [26, 50],
          { fr: `sauvegarde d’il y a ${hours} h`, en: `backup of ${hours} h ago` },
          again,
        )
      : fault(
          { fr: 'la dernière sauvegarde a échoué ou est vide', en: 'the last backup failed or is empty' },
          again,
        ),
    Number.isNaN(days)
      ? warning(
          { fr: 'aucune restauration n’a été prouvée', en: 'no restoration was proven' },
          { fr: 'Lancez l’essai de restauration mensuel.', en: 'Run the monthly restore test.' },
        )
      : limit(
          days,
          [35, 70],
          { fr: `restauration prouvée il y a ${days} jour(s)`, en: `restoration proven ${days} day(s) ago` },
          { fr: 'Lancez l’essai de restauration mensuel.', en: 'Run the monthly restore test.' },
        ),
  ]
}
