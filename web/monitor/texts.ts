import { type Language, useLanguage } from '../shared/language.ts'

import { en } from './texts/en.ts'
import { fr, type Texts } from './texts/fr.ts'

export type { Texts } from './texts/fr.ts'

const ALL: Record<Language, Texts> = { fr, en }

/** The texts in the language of the person. */
export const useTexts = (): Texts => ALL[useLanguage()]
