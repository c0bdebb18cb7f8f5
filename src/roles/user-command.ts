import { readFile } from 'node:fs/promises'
import { Problem } from '../lib/problems.ts'
import { createStaff } from '../modules/accounts/index.ts'
import { recordAs } from '../modules/audit/index.ts'
import { askSecret } from './ask.ts'
import { type Env, operatorOf, optionsOf, print, withServices } from './operator.ts'
import { StartError, say } from './say.ts'

const USAGE = {
  fr: 'samaconso user create --login LOGIN --first-name PRÉNOM --last-name NOM [--role admin|agent] [--agency NUMÉRO] [--password-file FICHIER | --password-stdin]. Le mot de passe n’est jamais un argument.',
  en: 'samaconso user create --login LOGIN --first-name NAME --last-name NAME [--role admin|agent] [--agency NUMBER] [--password-file FILE | --password-stdin]. The password is never an argument.',
}

/** `samaconso user create`: a member of staff with a local password, the first administrator above all. */
export async function runUser([verb, ...args]: string[], env: Env): Promise<void> {
  const given = optionsOf(
    args,
    {
      login: { type: 'string' },
      'first-name': { type: 'string' },
      'last-name': { type: 'string' },
      role: { type: 'string', default: 'admin' },
      agency: { type: 'string' },
      'password-file': { type: 'string' },
      'password-stdin': { type: 'boolean' },
    },
    USAGE,
  )
  const { login, role } = given
  const [firstName, lastName] = [given['first-name'], given['last-name']]
  if (verb !== 'create' || typeof login !== 'string' || typeof firstName !== 'string')
    throw new StartError(USAGE)
  if (typeof lastName !== 'string' || (role !== 'admin' && role !== 'agent')) throw new StartError(USAGE)
  const agencyId = typeof given.agency === 'string' ? Number(given.agency) : undefined
  if (agencyId !== undefined && !Number.isInteger(agencyId)) throw new StartError(USAGE)
  const password = await passwordOf(given)
  await withServices(env, async services => {
    try {
      await services.db.tx(async tx => {
        const staff = { login, password, role, firstName, lastName } as const
        const id = await createStaff(
          { ...services, db: tx },
          { ...staff, ...(agencyId === undefined ? {} : { agencyId }) },
        )
        const actor = { id: null, role: 'operator', requestId: 'user-create' }
        const detail = { login, role, by: operatorOf(env) }
        await recordAs(tx, actor, [{ action: 'user.create', objectKind: 'user', objectId: id, detail }])
      })
    } catch (error) {
      throw inWords(error, login)
    }
  })
  print(say({ fr: `✓ Compte « ${login} » créé (${role}).`, en: `✓ Account "${login}" created (${role}).` }))
}

/** From a file, from standard input, or asked for twice. */
async function passwordOf(given: Record<string, string | boolean | undefined>): Promise<string> {
  const file = given['password-file']
  if (typeof file === 'string') {
    const text = await readFile(file, 'utf8').catch(() => {
      throw new StartError({
        fr: `Le fichier ${file} est illisible.`,
        en: `The file ${file} cannot be read.`,
      })
    })
    return text.replace(/\r?\n$/, '')
  }
  if (given['password-stdin']) {
    let text = ''
    for await (const chunk of process.stdin) {
      text += chunk
      if (text.length > 1_000) break
    }
    return text.replace(/\r?\n$/, '')
  }
  const password = await askSecret({ fr: 'Mot de passe : ', en: 'Password: ' })
  const again = await askSecret({ fr: 'Encore une fois : ', en: 'Once more: ' })
  if (password === again) return password
  throw new StartError({ fr: 'Les deux saisies diffèrent.', en: 'The two differ.' })
}

const FAULTS: Record<string, { fr: string; en: string }> = {
  login: {
    fr: 'Le login : 2 à 50 lettres minuscules, chiffres, points ou tirets.',
    en: 'The login: 2 to 50 lower-case letters, digits, dots or dashes.',
  },
  password: {
    fr: 'Le mot de passe : 12 à 200 caractères, différent du login et d’un exemple connu, et pas un même motif répété.',
    en: 'The password: 12 to 200 characters, not the login or a known example, and not one pattern repeated.',
  },
  agencyId: { fr: 'Un agent a besoin de --agency NUMÉRO.', en: 'An agent needs --agency NUMBER.' },
}

function inWords(error: unknown, login: string): unknown {
  if (!(error instanceof Problem)) return error
  if (error.code === 'conflict') {
    return new StartError({
      fr: `Le login « ${login} » est déjà pris.`,
      en: `The login "${login}" is taken.`,
    })
  }
  if (error.code !== 'invalid') return error
  const words = (error.errors ?? []).map(({ field }) => FAULTS[field] ?? { fr: field, en: field })
  return new StartError({
    fr: words.map(({ fr }) => fr).join('\n'),
    en: words.map(({ en }) => en).join('\n'),
  })
}
