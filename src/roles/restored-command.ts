import { parsePhone } from '../lib/phone.ts'
import { Problem } from '../lib/problems.ts'
import { deleteCustomer, findCustomerId } from '../modules/privacy/index.ts'
import { confirmBroadcasts, declareRestored, restorationState } from '../operations/restoration.ts'
import { type Env, operatorOf, optionsOf, print, withServices } from './operator.ts'
import { StartError, say } from './say.ts'

const USAGE = {
  fr: 'samaconso restored [--status | --confirm-broadcasts]. Sans option : la base vient d’être restaurée.',
  en: 'samaconso restored [--status | --confirm-broadcasts]. Without: the database was just restored.',
}

/** `samaconso restored`: what the restore script calls; then, once a person has looked, `--confirm-broadcasts`. */
export async function runRestored(args: string[], env: Env): Promise<void> {
  const options = { status: { type: 'boolean' }, 'confirm-broadcasts': { type: 'boolean' } } as const
  const given = optionsOf(args, options, USAGE)
  await withServices(env, async services => {
    if (given['confirm-broadcasts']) {
      const released = await confirmBroadcasts(services, operatorOf(env))
      return print(
        say({
          fr: `${released.length} diffusion(s) reprennent.`,
          en: `${released.length} broadcast(s) go on.`,
        }),
      )
    }
    if (!given.status) {
      const count = await declareRestored(services)
      print(say({ fr: `${count} suppression(s) refaites.`, en: `${count} deletion(s) done again.` }))
    }
    const { open, held } = await restorationState(services)
    print(
      open
        ? say({ fr: 'Les messages individuels partent.', en: 'Single messages go out.' })
        : say({
            fr: 'Rien ne part : les suppressions demandées depuis la copie ne sont pas encore refaites.',
            en: 'Nothing goes out: deletions asked for since the copy are not done again yet.',
          }),
    )
    for (const { id, was, title, devices } of held) {
      print(
        `  ${id}  ${was === 'running' ? say({ fr: 'en cours', en: 'running' }) : say({ fr: 'planifiée', en: 'scheduled' })}  ${devices}  ${title}`,
      )
    }
    if (held.length > 0) {
      print(
        say({
          fr: `${held.length} diffusion(s) attendent : annulez dans la console ce qui n’a plus de sens, puis « samaconso restored --confirm-broadcasts ».`,
          en: `${held.length} broadcast(s) wait: cancel in the console what makes no sense any more, then \`samaconso restored --confirm-broadcasts\`.`,
        }),
      )
    }
  })
}

const CUSTOMER_USAGE = {
  fr: 'samaconso customer delete --phone "77 123 45 67" --yes : efface la cliente ou le client qui l’a demandé (loi 2008-12), sans retour.',
  en: 'samaconso customer delete --phone "77 123 45 67" --yes: deletes a customer who asked for it (law 2008-12), for good.',
}

/** `samaconso customer delete`: a deletion that was asked for in writing. */
export async function runCustomer([verb, ...args]: string[], env: Env): Promise<void> {
  const given = optionsOf(args, { phone: { type: 'string' }, yes: { type: 'boolean' } }, CUSTOMER_USAGE)
  const phone = typeof given.phone === 'string' ? parsePhone(given.phone) : null
  if (verb !== 'delete' || !phone || !given.yes) throw new StartError(CUSTOMER_USAGE)
  await withServices(env, async services => {
    const id = await findCustomerId(services.db, phone)
    const actor = { id: null, role: `operator ${operatorOf(env)}`, requestId: 'customer-delete' }
    const none = { fr: 'Aucun client n’a ce numéro.', en: 'No customer has this number.' }
    if (!id) throw new StartError(none)
    await deleteCustomer(services, actor, id).catch(error => {
      throw error instanceof Problem && error.code === 'not_found' ? new StartError(none) : error
    })
    print(say({ fr: '✓ Effacé.', en: '✓ Deleted.' }))
  })
}
