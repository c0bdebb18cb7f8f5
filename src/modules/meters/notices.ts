import type { Tx } from '../../db/index.ts'
import type { Ctx } from '../../services.ts'
import type { Priority } from '../../tasks/index.ts'
import { type Content, notify } from '../notifications/index.ts'

/** Who is told: their account, and the link of theirs that it is about, where they have one. */
export interface Recipient {
  customerId: string
  linkId: string | null
}

/** What happened to a link, as people are told. Wolof waits for a native writer: French stands in. */
export interface Notice {
  event: string
  priority: Priority
  content: Content
}

const say = (
  event: string,
  priority: Priority,
  fr: [title: string, body: string],
  en: [title: string, body: string],
): Notice => ({
  event,
  priority,
  content: { fr: { title: fr[0], body: fr[1] }, en: { title: en[0], body: en[1] } },
})

/** To the owner, who can decide at once, or to the holder, who links the meter first. */
export const accessAsked = (guest: string, number: string, isLinked: boolean): Notice =>
  say(
    'requested',
    'high',
    [
      'Demande d’accès à votre compteur',
      `${guest} souhaite suivre le compteur ${number}, enregistré à votre numéro. ${
        isLinked
          ? 'Acceptez ou refusez dans l’application.'
          : 'Rattachez-le à votre compte pour accepter ou refuser.'
      }`,
    ],
    [
      'Somebody asks for access to your meter',
      `${guest} would like to follow meter ${number}, registered to your phone. ${
        isLinked ? 'Accept or refuse in the app.' : 'Link it to your account to accept or refuse.'
      }`,
    ],
  )

export const requestsWait = (count: number, number: string): Notice =>
  say(
    'waiting',
    'high',
    [
      'Des demandes d’accès vous attendent',
      `Demandes en attente de votre réponse pour le compteur ${number} : ${count}.`,
    ],
    ['Requests for access wait for you', `Requests that wait for your answer for meter ${number}: ${count}.`],
  )

export const accessGranted = (number: string): Notice =>
  say(
    'approved',
    'normal',
    ['Accès accordé', `Vous suivez maintenant le compteur ${number}.`],
    ['Access granted', `You now follow meter ${number}.`],
  )

export const accessRefused = (number: string, again: Date): Notice =>
  say(
    'rejected',
    'normal',
    [
      'Accès refusé',
      `Votre demande pour le compteur ${number} est refusée. Vous pourrez la renouveler à partir du ${frenchDay(again)}.`,
    ],
    [
      'Access refused',
      `Your request for meter ${number} was refused. You may ask again from ${isoDay(again)}.`,
    ],
  )

export const accessWithdrawn = (number: string): Notice =>
  say(
    'revoked',
    'normal',
    ['Accès retiré', `Le titulaire vous a retiré l’accès au compteur ${number}.`],
    ['Access withdrawn', `The holder withdrew your access to meter ${number}.`],
  )

export const grantedByAgency = (guest: string, number: string): Notice =>
  say(
    'approved-by-agency',
    'normal',
    [
      'Accès accordé par l’agence',
      `L’agence autorise ${guest} à suivre votre compteur ${number}. Vous pouvez retirer cet accès à tout moment.`,
    ],
    [
      'Access granted by the agency',
      `The agency lets ${guest} follow your meter ${number}. You may withdraw this access at any time.`,
    ],
  )

export const takenOver = (number: string): Notice =>
  say(
    'taken-over',
    'normal',
    [
      'Compteur repris par son titulaire',
      `Le compteur ${number} est maintenant enregistré à un autre numéro de téléphone, qui l’a rattaché. Vous ne le suivez plus.`,
    ],
    [
      'Meter taken over by its holder',
      `Meter ${number} is now registered to another phone, which has linked it. You no longer follow it.`,
    ],
  )

export const frenchDay = (at: Date): string => isoDay(at).split('-').reverse().join('/')
export const isoDay = (at: Date): string => at.toISOString().slice(0, 10)

/** Sends a notice in the transaction of what it tells about. */
export const tell = async (tx: Tx, ctx: Ctx, to: Recipient, { event, ...notice }: Notice): Promise<void> => {
  await notify(tx, ctx, {
    customerId: to.customerId,
    type: 'meter-link',
    ...notice,
    data: { event, ...(to.linkId === null ? {} : { linkId: to.linkId }) },
    requestId: ctx.requestId,
    ...(ctx.caller.role === 'customer' ? {} : { createdBy: ctx.caller.id }),
  })
}

/** What these customers see of their links is read anew once the transaction commits, and their open apps hear of it. */
export function linksChanged(tx: Tx, ctx: Ctx, customerIds: Iterable<string>): void {
  const ids = [...new Set(customerIds)]
  if (ids.length === 0) return
  tx.afterCommit(async () => {
    await ctx.cache.bump(...ids.map(id => `customer:${id}`))
    for (const id of ids) ctx.fanout.publish(`customer:${id}`, { type: 'links-changed' })
  })
}
