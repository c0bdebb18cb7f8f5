import { Problem } from '../../lib/problems.ts'
import type { Words } from './types.ts'

const KNOWN: readonly (readonly [RegExp, Words])[] = [
  [/NoSuchBucket/, { fr: 'ce compartiment n’y est pas', en: 'that bucket is not there' }],
  [
    /ECONNREFUSED|connection refused/i,
    {
      fr: 'refuse la connexion : arrêté, ou port fermé',
      en: 'refuses connections: stopped, or the port is closed',
    },
  ],
  [/ENOTFOUND|EAI_AGAIN/, { fr: 'nom d’hôte inconnu du DNS', en: 'its host name is unknown to DNS' }],
  [
    /EHOSTUNREACH|ENETUNREACH/,
    {
      fr: 'aucune route vers lui : machine éteinte ou réseau coupé',
      en: 'no route to it: machine off or network cut',
    },
  ],
  [/ECONNRESET|EPIPE|socket hang up|closed|terminated/i, { fr: 'coupe la connexion', en: 'hangs up' }],
  [
    /CERT_HAS_EXPIRED|certificate has expired/i,
    { fr: 'son certificat est périmé', en: 'its certificate has expired' },
  ],
  [/53100|ENOSPC|no space left/i, { fr: 'son disque est plein', en: 'its disk is full' }],
  [
    // Redis, which then refuses whatever writes, and even a ping.
    /MISCONF/,
    {
      fr: 'ne peut plus écrire sur son disque, sans doute plein',
      en: 'cannot write to its disk, full no doubt',
    },
  ],
  [
    /SELF_SIGNED|UNABLE_TO_(VERIFY|GET)|self.signed|unable to (verify|get)/i,
    {
      fr: 'son certificat n’est pas signé par l’autorité configurée (*_CA_FILE)',
      en: 'its certificate is not signed by the authority configured (*_CA_FILE)',
    },
  ],
  [
    /ERR_TLS_CERT_ALTNAME|altname/i,
    { fr: 'son certificat est au nom d’un autre hôte', en: 'its certificate is for another host' },
  ],
  [
    /28P01|28000|authentication failed|WRONGPASS|NOAUTH|ACCESS_REFUSED|ELOGIN|Login failed|SASL/i,
    { fr: 'refuse notre nom ou mot de passe', en: 'refuses our user name or password' },
  ],
  [/3D000|does not exist/i, { fr: 'cette base n’y est pas', en: 'that database is not there' }],
  [
    /53300|too many (clients|connections)/i,
    { fr: 'plus aucune connexion libre', en: 'no connection is left' },
  ],
  [
    /timeout|timed out|ETIMEDOUT|no answer|within \d+ ms|aborted/i,
    {
      fr: 'ne répond pas à temps : éteint, gelé, ou coupé par un pare-feu',
      en: 'does not answer in time: off, frozen, or cut off by a firewall',
    },
  ],
  [/ENOENT/, { fr: 'un fichier configuré n’existe pas', en: 'a file that is configured does not exist' }],
  [
    /EACCES/,
    {
      fr: 'un fichier configuré ne peut être lu par ce compte',
      en: 'a file that is configured cannot be read by this account',
    },
  ],
  [/SignatureDoesNotMatch|InvalidAccessKeyId|\b403\b/, { fr: 'refuse notre clé', en: 'refuses our key' }],
]

/** An error as an operator reads it: what it means, and its own code for who searches for it. Never its values. */
export function explain(error: unknown): Words {
  const codes = codesOf(error)
  const text = codes.join(' ')
  const known = KNOWN.find(([pattern]) => pattern.test(text))
  const code = codes.find(one => /^[\w]{3,40}$/.test(one))
  const tail = code ? ` (${code})` : ''
  if (known) return { fr: `${known[1].fr}${tail}`, en: `${known[1].en}${tail}` }
  return { fr: `échoue${tail}`, en: `fails${tail}` }
}

const REMEDIES: readonly (readonly [RegExp, Words])[] = [
  [
    /CERT_HAS_EXPIRED|certificate has expired/i,
    {
      fr: 'Depuis la machine de contrôle : « deploy/renew-certificates INVENTAIRE » (les secrets y sont), puis regardez encore.',
      en: 'From the machine that holds the secrets: `deploy/renew-certificates INVENTORY`, then look again.',
    },
  ],
  [
    /53100|ENOSPC|no space left|MISCONF/i,
    {
      fr: 'Faites de la place sur le disque de ce serveur : « df -h », « du -xh --max-depth=2 / | sort -h | tail ». Rien à redémarrer ensuite.',
      en: 'Make room on the disk of that server: `df -h`, `du -xh --max-depth=2 / | sort -h | tail`. Nothing needs a restart afterwards.',
    },
  ],
]

/** What to do about an error that says itself what is wrong; undefined when the component's own advice is better. */
export function remedyFor(error: unknown): Words | undefined {
  const text = codesOf(error).join(' ')
  return REMEDIES.find(([pattern]) => pattern.test(text))?.[1]
}

/** Codes, names and messages of an error and of what caused it. Messages are matched, never shown. */
function codesOf(error: unknown, depth = 0): string[] {
  if (!(error instanceof Error) || depth > 5) return []
  const { code, name, message, cause } = error as Error & { code?: unknown }
  const own = error instanceof Problem ? [] : [...(typeof code === 'string' ? [code] : []), message, name]
  const inner = error instanceof AggregateError ? error.errors : []
  return [...own, ...inner.flatMap(one => codesOf(one, depth + 1)), ...codesOf(cause, depth + 1)]
}
