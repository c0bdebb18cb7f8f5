const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi
const MASKS: readonly [RegExp, string][] = [
  // User and password of an address.
  [/\/\/[^/\s@]+@/g, '//•@'],
  [/[\w.+-]+@[\w-]+\.[\w.-]+/g, '•'],
  // What a driver quotes of a value that it would not take.
  [/: "[^"]*"/g, ': "•"'],
  // Tokens, keys and hashes: long, and not a word.
  [/(?=[\w+/=.:-]*\d)[\w+/=.:-]{24,}/g, '•'],
  // PINs, codes, phones, meters, amounts: from four digits on, with the spaces that people write.
  [/\+?\d(?:[ .-]?\d){3,}/g, '•'],
]

/**
 * The text of an error as it may be kept and shown to operators: without what could be somebody's number, code, address
 * or token, and at most `most` characters. Identifiers of ours stay.
 */
export function maskedError(error: unknown, most = 500): string {
  const text = (error instanceof Error ? error.message : String(error))
    .slice(0, most * 2)
    .replaceAll('\0', '')
  const ids = text.match(UUID) ?? []
  const masked = text.split(UUID).map(mask)
  return masked
    .map((piece, i) => piece + (ids[i] ?? ''))
    .join('')
    .slice(0, most)
    .toWellFormed()
}

const mask = (text: string): string => MASKS.reduce((masked, [what, by]) => masked.replace(what, by), text)
