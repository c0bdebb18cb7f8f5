import { hash, pick } from './random.ts'

/** The fifty agencies; a customer's is number n mod 50. */
export const AGENCIES: readonly string[] = [
  'Médina',
  'Dakar-Plateau',
  'Grand Dakar',
  'Hann',
  'Yoff',
  'Ouakam',
  'Parcelles Assainies',
  'Guédiawaye',
  'Pikine',
  'Thiaroye',
  'Keur Massar',
  'Rufisque',
  'Bargny',
  'Diamniadio',
  'Mbao',
  'Thiès',
  'Mbour',
  'Tivaouane',
  'Joal',
  'Saly',
  'Diourbel',
  'Touba',
  'Mbacké',
  'Bambey',
  'Kaolack',
  'Nioro du Rip',
  'Kaffrine',
  'Koungheul',
  'Fatick',
  'Foundiougne',
  'Sokone',
  'Gossas',
  'Louga',
  'Linguère',
  'Kébémer',
  'Dahra',
  'Saint-Louis',
  'Dagana',
  'Richard-Toll',
  'Podor',
  'Matam',
  'Ourossogui',
  'Tambacounda',
  'Bakel',
  'Kédougou',
  'Ziguinchor',
  'Bignona',
  'Oussouye',
  'Kolda',
  'Sédhiou',
]

const withoutAccents = (text: string): string => text.normalize('NFD').replace(/\p{M}/gu, '')

const SPELLINGS: readonly [(name: string) => string, ...((name: string) => string)[]] = [
  name => name,
  name => name.toUpperCase(),
  name => withoutAccents(name).toUpperCase(),
  name => withoutAccents(name).toLowerCase(),
  name => ` ${name.toUpperCase().replaceAll(' ', '  ')} `,
  name => `${withoutAccents(name).replaceAll(' ', '')}  `,
]

/** The name of a customer's agency as one of the company's tables happens to spell it. */
export const agencyName = (n: number, table: number): string =>
  pick(SPELLINGS, hash(n % AGENCIES.length, table) / 0x100000000)(AGENCIES[n % AGENCIES.length] ?? '')
