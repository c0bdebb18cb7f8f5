import { agencyName } from './agencies.ts'
import { householdOf } from './households.ts'
import { accountOf, meterOf, sevenDigits } from './numbers.ts'
import { digits, FOR, hash, pick, sequence } from './random.ts'
import type { PostpaidAccountRow, PrepaidMeterRow } from './types.ts'

/** The company's tables, which do not spell the same thing alike. */
export const TABLE = { meters: 1, accounts: 2, topups: 3, bills: 4 } as const

// biome-ignore format: a list of words
const FIRST_NAMES = [
  'Awa', 'Fatou', 'Aminata', 'Mariama', 'Khady', 'Ndèye', 'Astou', 'Coumba', 'Aïssatou', 'Rokhaya', 'Sokhna', 'Adama',
  'Binta', 'Dieynaba', 'Marème', 'Yacine', 'Mamadou', 'Ousmane', 'Ibrahima', 'Cheikh', 'Moussa', 'Abdoulaye', 'Modou',
  'Alioune', 'Pape', 'Babacar', 'Lamine', 'Assane', 'Malick', 'Samba', 'Amadou', 'Daouda', 'Idrissa', 'Serigne',
] as const

// biome-ignore format: a list of words
const FAMILY_NAMES = [
  'Diop', 'Ndiaye', 'Fall', 'Sow', 'Diallo', 'Ba', 'Sy', 'Gueye', 'Faye', 'Sarr', 'Seck', 'Thiam', 'Mbaye', 'Cissé',
  'Diouf', 'Kane', 'Niang', 'Sène', 'Diagne', 'Camara', 'Touré', 'Wade', 'Samb', 'Dieng', 'Badji', 'Mané', 'Sané',
  'Coly', 'Ngom', 'Dramé', 'Konté', 'Sonko', 'Tall', 'Mbodj',
] as const

// biome-ignore format: a list of words
const QUARTERS = [
  'Cité des Enseignants', 'Quartier Escale', 'Médina Fall', 'Cité Soleil', 'Darou Salam', 'Quartier Diamaguène',
  'Cité Lumière', 'Unité 9', 'Unité 22', 'Quartier Ndiolofène', 'Route de l’Hôpital', 'Quartier Thiaroye Gare',
] as const

const PHONE_SPELLINGS: readonly [(n: string) => string, ...((n: string) => string)[]] = [
  n => `77 ${n.slice(0, 3)} ${n.slice(3, 5)} ${n.slice(5)}`,
  n => `0022177${n}`,
  n => `22177${n}`,
  n => `77${n}`,
  n => `+221 77 ${n.slice(0, 3)} ${n.slice(3, 5)} ${n.slice(5)}`,
  n => `77-${n.slice(0, 3)}-${n.slice(3, 5)}-${n.slice(5)}`,
]

function phone(n: number, table: number): string {
  const spelling = hash(FOR.spelling, n, table) / 0x100000000
  return pick(PHONE_SPELLINGS, spelling)(sevenDigits(n))
}

/** A name put together from common ones: nobody's. */
export function customerName(n: number): string {
  const draw = sequence(FOR.person, n)
  const name = `${pick(FIRST_NAMES, draw())} ${pick(FAMILY_NAMES, draw())}`
  return draw() < 0.6 ? name.toUpperCase() : name
}

/** Empty for some: the back office does not know them all. */
export function addressOf(n: number): string {
  const draw = sequence(FOR.person, n, 1)
  const [known, house, quarter] = [draw(), 1 + Math.floor(draw() * 480), pick(QUARTERS, draw())]
  return known < 0.06 ? '' : `Villa ${house}, ${quarter}`
}

export const partnerOf = (n: number): string => `00${digits(1, FOR.person, n, 2)}${sevenDigits(n)}`

export const pocOf = (n: number): string => `P${sevenDigits(n)}`

export const prepaidMeterOf = (n: number): PrepaidMeterRow => ({
  number: meterOf(n),
  poc: pocOf(n),
  phone: phone(n, TABLE.meters),
  clientNumber: `4${sevenDigits(n)}`,
  address: addressOf(n),
  usage: usageText(n, TABLE.meters),
  customerName: customerName(n),
  agencyName: agencyName(n, TABLE.meters),
})

export const postpaidAccountOf = (n: number): PostpaidAccountRow => ({
  number: accountOf(n),
  phone: phone(n, TABLE.accounts),
  partnerNumber: partnerOf(n),
  address: addressOf(n),
  tariff: billedTariffText(n),
  customerName: customerName(n),
  agencyName: agencyName(n, TABLE.accounts),
})

const USAGES: Record<string, readonly [string, ...string[]]> = {
  DPP: ['DPP', 'UD-PP', 'Domestique PP', 'Usage domestique petite puissance'],
  DMP: ['DMP', 'UD-MP', 'Domestique MP', 'Usage domestique moyenne puissance'],
  PPP: ['PPP', 'UP-PP', 'Professionnel PP', 'Usage professionnel petite puissance'],
}

/** The tariff of a prepaid meter, in the words of one of the tables. */
export function usageText(n: number, table: number): string {
  const words = USAGES[householdOf(n).tariffCode] ?? ['']
  return pick(words, hash(FOR.spelling, n, table, 1) / 0x100000000)
}

/** Contract accounts are all domestic: it is the one billed tariff that is known. */
export const billedTariffText = (n: number): string =>
  pick(['DPP', 'UD-PP'], hash(FOR.spelling, n, 1) / 0x100000000)
