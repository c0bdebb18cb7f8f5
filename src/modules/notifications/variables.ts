import { Problem } from '../../lib/problems.ts'
import type { Content } from './schema.ts'

/** What a text to many may hold in double braces, each filled for every reader: `{{firstName}}`. */
export const VARIABLES = ['firstName', 'lastName'] as const
export type Variables = Record<(typeof VARIABLES)[number], string>

interface Words {
  title: string
  body: string
}

const MARK = '{{'
const VARIABLE = /\{\{(firstName|lastName)\}\}/g
/** What has no place in one line of text: it could forge a line, or turn the direction of what follows. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** Whether a text may hold variables: costs nothing where there are none. */
export const mayHoldVariables = (text: string | Buffer): boolean => text.includes(MARK)

/** `Problem('invalid')` naming the field when a text holds something in double braces that is no variable. */
export function refuseUnknownVariables(content: Content): void {
  for (const [language, words] of Object.entries(content)) {
    for (const [part, text] of Object.entries(words)) {
      if (!mayHoldVariables(text.replace(VARIABLE, ''))) continue
      const known = VARIABLES.map(name => `{{${name}}}`).join(', ')
      throw new Problem('invalid', {
        detail: {
          fr: `Entre doubles accolades, seules ces variables existent : ${known}.`,
          en: `In double braces only these variables exist: ${known}.`,
        },
        errors: [{ field: `content.${language}.${part}`, message: `knows only ${known}` }],
      })
    }
  }
}

/** The words for one reader. What is filled in is never looked at again, whatever somebody calls themselves. */
export function fillIn({ title, body }: Words, values: Variables): Words {
  return { title: filled(title, values), body: filled(body, values) }
}

const filled = (text: string, values: Variables): string =>
  mayHoldVariables(text)
    ? text.replace(VARIABLE, (_, name: keyof Variables) => values[name].replace(INVISIBLE, ' '))
    : text
