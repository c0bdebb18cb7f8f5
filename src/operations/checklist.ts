import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Examined } from './doctor/index.ts'

interface Words {
  fr: string
  en: string
}

/** What a machine can tell: every finding of these components of the doctor is well. */
interface Checked {
  id: string
  what: Words
  components: readonly string[]
}

/** What a person answers for, with their name and the day. */
interface Signed {
  id: string
  what: Words
}

export interface Signature {
  by: string
  at: string
  note?: string
}

export interface Item {
  id: string
  what: Words
  kind: 'checked' | 'signed'
  /** Null: could not be told from here. */
  done: boolean | null
  /** What the doctor found against it, or who signed. */
  because?: Words
  signature?: Signature
}

const CHECKED: readonly Checked[] = [
  {
    id: 'configuration',
    what: { fr: 'Configuration complète, secrets forts', en: 'Configuration complete, secrets strong' },
    components: ['configuration'],
  },
  { id: 'machine', what: { fr: 'Heure, mémoire, Node', en: 'Time, memory, Node' }, components: ['machine'] },
  { id: 'disk', what: { fr: 'Place sur les disques', en: 'Room on the disks' }, components: ['disk'] },
  {
    id: 'database',
    what: {
      fr: 'PostgreSQL par PgBouncer, structure à jour, un administrateur',
      en: 'PostgreSQL through PgBouncer, structure up to date, an administrator',
    },
    components: ['postgresql'],
  },
  { id: 'storage', what: { fr: 'Stockage des fichiers', en: 'File storage' }, components: ['storage'] },
  { id: 'redis', what: { fr: 'Redis', en: 'Redis' }, components: ['redis'] },
  {
    id: 'rabbitmq',
    what: { fr: 'RabbitMQ, et un worker sur chaque file', en: 'RabbitMQ, and a worker on each queue' },
    components: ['rabbitmq'],
  },
  {
    id: 'api',
    what: { fr: 'Toutes les API répondent', en: 'Every API answers' },
    components: ['api', 'api 1', 'api 2', 'api 3', 'api 4'],
  },
  {
    id: 'backoffice',
    what: { fr: 'SIC et Postpaid répondent', en: 'SIC and Postpaid answer' },
    components: ['sic', 'postpaid'],
  },
  {
    id: 'channels',
    what: { fr: 'FCM et la passerelle SMS sont joignables', en: 'FCM and the SMS gateway are reachable' },
    components: ['fcm', 'sms'],
  },
  {
    id: 'monitoring',
    what: { fr: 'Prometheus mesure tout, aucune alerte', en: 'Prometheus measures all, no alert' },
    components: ['prometheus'],
  },
  {
    id: 'backup',
    what: { fr: 'Sauvegarde récente, restauration prouvée', en: 'Recent backup, restoration proven' },
    components: ['backup'],
  },
]

const SIGNED: readonly Signed[] = [
  {
    id: 'vault',
    what: {
      fr: 'Le mot de passe du coffre (Ansible Vault) est gardé en deux lieux',
      en: 'The password of the vault is kept in two places',
    },
  },
  {
    id: 'balancer',
    what: {
      fr: 'Le répartiteur retire une instance qui s’arrête (essayé)',
      en: 'The balancer takes out an instance that stops (tried)',
    },
  },
  {
    id: 'firewall',
    what: {
      fr: 'La matrice des flux a été vérifiée depuis chaque réseau',
      en: 'The matrix of flows was tried from each network',
    },
  },
  {
    id: 'phone',
    what: {
      fr: 'Un vrai téléphone a reçu code, notification et diffusion d’essai',
      en: 'A real phone received code, notification and test broadcast',
    },
  },
  {
    id: 'alert-mail',
    what: { fr: 'Une alerte d’essai est arrivée à l’astreinte', en: 'A test alert reached those on call' },
  },
  {
    id: 'contacts',
    what: {
      fr: 'La page des contacts et de l’escalade est remplie',
      en: 'The page of contacts and escalation is filled in',
    },
  },
  { id: 'rollback', what: { fr: 'Le retour arrière a été répété', en: 'The rollback was rehearsed' } },
  {
    id: 'load',
    what: {
      fr: 'L’essai de charge a été fait sur ces machines',
      en: 'The load test was run on these machines',
    },
  },
  {
    id: 'personal-data',
    what: { fr: 'Le traitement est déclaré (loi 2008-12)', en: 'The processing is declared (law 2008-12)' },
  },
  {
    id: 'go',
    what: { fr: 'La décision de mise en production est prise', en: 'The decision to go live is taken' },
  },
]

/** What has to hold before going live: what the doctor found, and what people signed. */
export function checklist(
  examined: readonly Examined[],
  signatures: Readonly<Record<string, Signature>>,
): Item[] {
  return [
    ...CHECKED.map(item => checkedItem(item, examined)),
    ...SIGNED.map(({ id, what }): Item => {
      const signature = signatures[id]
      if (!signature) return { id, what, kind: 'signed', done: false }
      const day = signature.at.slice(0, 10)
      const note = signature.note ? ` : ${signature.note}` : ''
      const because = { fr: `${signature.by}, le ${day}${note}`, en: `${signature.by}, on ${day}${note}` }
      return { id, what, kind: 'signed', done: true, because, signature }
    }),
  ]
}

function checkedItem({ id, what, components }: Checked, examined: readonly Examined[]): Item {
  const found = examined.filter(({ component }) => components.includes(component))
  const known = found.filter(({ state }) => state !== 'skipped')
  const against = known.filter(({ state }) => state !== 'ok')
  const reasons = against.length > 0 ? against : found.filter(({ state }) => state === 'skipped')
  const join = (lang: 'fr' | 'en') => reasons.map(one => `${one.component} : ${one.what[lang]}`).join(' ; ')
  return {
    id,
    what,
    kind: 'checked',
    done: known.length === 0 ? null : against.length === 0,
    ...(reasons.length > 0 ? { because: { fr: join('fr'), en: join('en') } } : {}),
  }
}

export const isSignable = (id: string): boolean => SIGNED.some(item => item.id === id)

const fileIn = (folder: string): string => join(folder, 'checklist.json')

/** What was signed so far. A file that is damaged is told, not taken for an empty one. */
export async function readSignatures(folder: string): Promise<Record<string, Signature>> {
  const text = await readFile(fileIn(folder), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}'
    throw error
  })
  return JSON.parse(text)
}

/** Keeps a signature in the place of an older one for the same item. */
export async function sign(folder: string, id: string, signature: Signature): Promise<void> {
  const signatures = { ...(await readSignatures(folder)), [id]: signature }
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const unfinished = `${fileIn(folder)}.new`
  await writeFile(unfinished, `${JSON.stringify(signatures, null, 2)}\n`, { mode: 0o600 })
  await rename(unfinished, fileIn(folder))
}
