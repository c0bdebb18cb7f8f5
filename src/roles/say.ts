/** Words for the person at the terminal: French, or English where the terminal speaks it. */
export interface Words {
  fr: string
  en: string
}

export const speaksEnglish = /^en/.test(
  process.env.LC_ALL || process.env.LC_MESSAGES || process.env.LANG || '',
)

export const say = (words: Words): string => (speaksEnglish ? words.en : words.fr)

/** A fault that a person can mend: one sentence with the remedy, no stack. */
export class StartError extends Error {
  constructor(words: Words) {
    super(say(words))
    this.name = 'StartError'
  }
}
