import type { FoundTopUp } from '../../backoffice/types.ts'
import type { Content } from '../notifications/index.ts'

/** A meter as its follower calls it. */
export interface Called {
  number: string
  label: string | null
}

// Wolof waits for a native writer: French stands in.
const WORDS = {
  fr: {
    meter: 'Compteur',
    colon: ' : ',
    token: 'Code',
    tokens: 'Codes, dans cet ordre',
    next: ', puis ',
    at: ', à ',
    number: new Intl.NumberFormat('fr-FR', { maximumFractionDigits: 2 }),
  },
  en: {
    meter: 'Meter',
    colon: ': ',
    token: 'Token',
    tokens: 'Tokens, in this order',
    next: ', then ',
    at: ', at ',
    number: new Intl.NumberFormat('en-GB', { maximumFractionDigits: 2 }),
  },
}
type Words = (typeof WORDS)['fr']
const { fr, en } = WORDS

/** What a purchase brought, with what is to be entered on the meter. */
export const topupReceived = ({ amountXof, energyKwh, tokens }: FoundTopUp, meter: Called): Content => ({
  fr: {
    title: `Recharge reçue : ${fr.number.format(amountXof)}\u00a0F`,
    body: `${nameOf(meter, fr)} : ${fr.number.format(energyKwh)}\u00a0kWh.${toEnter(tokens, fr)}`,
  },
  en: {
    title: `Top-up received: ${en.number.format(amountXof)}\u00a0F`,
    body: `${nameOf(meter, en)}: ${en.number.format(energyKwh)}\u00a0kWh.${toEnter(tokens, en)}`,
  },
})

/** Null when a purchase stayed within one tranche. */
export function trancheEntered({ tranches, steps }: FoundTopUp, meter: Called): Content | null {
  const tranche = tranches.at(-1)
  if (tranche === undefined || tranches.length < 2) return null
  // SIC may leave it empty: nothing is better than a price of nothing.
  const price = steps.at(-1)?.priceXof || null
  const at = (words: Words, unit: string) =>
    price === null ? '' : `${words.at}${words.number.format(price)}\u00a0F ${unit}`
  return {
    fr: {
      title: `Tranche ${tranche} entamée`,
      body: `${nameOf(meter, fr)} : vos achats du mois passent en tranche ${tranche}${at(fr, 'le kWh hors taxes')}.`,
    },
    en: {
      title: `Tranche ${tranche} entered`,
      body: `${nameOf(meter, en)}: this month’s purchases have reached tranche ${tranche}${at(en, 'a kWh before taxes')}.`,
    },
  }
}

const nameOf = ({ number, label }: Called, words: Words): string =>
  label === null ? `${words.meter} ${number}` : `${label} (${number})`

/** Tokens in fours, as they are entered on the meter, in the order in which they must be; nothing when there are none. */
function toEnter(tokens: readonly string[], words: Words): string {
  if (tokens.length === 0) return ''
  const codes = tokens.map(token => token.replace(/(\d{4})(?=\d)/g, '$1 ')).join(words.next)
  return ` ${tokens.length > 1 ? words.tokens : words.token}${words.colon}${codes}.`
}
