/** A name as it is compared: without case, accents, and what is not a letter or digit. `Dakar-Plateau ` and `DAKAR PLATEAU` are equal. */
export const matchKey = (text: string): string =>
  text
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '')

/** A person's name as staff search it: without case and accents, words kept apart by one space. */
export const nameKey = (text: string): string =>
  text
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, ' ')
    .trim()

/** A contract account or partner number as it is compared: systems pad them with zeros, or not. */
export const withoutLeadingZeros = (digits: string): string => digits.replace(/^0+(?=\d)/, '')
