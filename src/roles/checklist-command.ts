import { readConfig } from '../config.ts'
import { checklist, type Item, isSignable, readSignatures, sign } from '../operations/checklist.ts'
import { allChecks, examine } from '../operations/doctor/index.ts'
import { type Env, environmentOf, optionsOf, print } from './operator.ts'
import { StartError, say } from './say.ts'

const USAGE = {
  fr: 'samaconso checklist [--json] | --sign POINT --by "Prénom Nom" [--note TEXTE] ; les noms des points sont entre crochets.',
  en: 'samaconso checklist [--json] | --sign ITEM --by "First Last" [--note TEXT]; the items’ names are in brackets.',
}

/** `samaconso checklist`: exit code 0 once everything that has to hold before going live does. */
export async function runChecklist(args: string[], env: Env, version: string): Promise<void> {
  const word = { type: 'string' } as const
  const given = optionsOf(args, { json: { type: 'boolean' }, sign: word, by: word, note: word }, USAGE)
  const { config, faults } = readConfig(await environmentOf(env).catch(() => env))
  const folder = config.operationsFolder ?? '.data/operations'
  if (given.sign !== undefined) {
    const { sign: id, by, note } = given
    if (typeof id !== 'string' || !isSignable(id) || typeof by !== 'string' || by.trim().length < 3) {
      throw new StartError(USAGE)
    }
    const at = new Date().toISOString()
    await sign(folder, id, { by: by.trim(), at, ...(typeof note === 'string' ? { note } : {}) })
    return print(say({ fr: `✓ « ${id} » signé par ${by.trim()}.`, en: `✓ "${id}" signed by ${by.trim()}.` }))
  }
  const examined = await examine(allChecks({ config, faults, version, now: Date.now }))
  const items = checklist(examined, await readSignatures(folder))
  print(given.json ? JSON.stringify(items, null, 2) : asText(items))
  const code = items.every(({ done }) => done) ? 0 : 1
  // What a dead component still holds open must not keep us.
  process.stdout.write('', () => process.exit(code))
}

function asText(items: readonly Item[]): string {
  const mark = ({ done }: Item) => (done === null ? '?' : done ? '✓' : '☐')
  const part = (kind: Item['kind'], title: { fr: string; en: string }) => [
    say(title),
    ...items
      .filter(item => item.kind === kind)
      .map(
        item =>
          `${mark(item)} ${say(item.what)}  [${item.id}]${item.because ? `\n    ${say(item.because)}` : ''}`,
      ),
  ]
  const left = items.filter(({ done }) => !done).length
  return [
    ...part('checked', { fr: 'Vérifié par la machine', en: 'Checked by the machine' }),
    '',
    ...part('signed', { fr: 'Signé par une personne', en: 'Signed by a person' }),
    '',
    left === 0
      ? say({ fr: 'Tout est prêt.', en: 'All is ready.' })
      : say({ fr: `${left} point(s) restent.`, en: `${left} item(s) left.` }),
  ].join('\n')
}
