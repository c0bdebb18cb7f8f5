import { type Config, SETTINGS } from '../config.ts'
import type { ShownSetting } from '../tasks/index.ts'

/**
 * The settings of this process as an operator may see them: of a secret only whether it is given, of an address neither
 * user nor password.
 */
export const shownConfiguration = (config: Config): ShownSetting[] =>
  (Object.keys(SETTINGS) as (keyof Config)[]).map(key => {
    const { env, fallback, secret } = SETTINGS[key]
    const text = String(config[key])
    return {
      name: env,
      value: secret && text !== '' ? null : withoutCredentials(text),
      isDefault: text === String(fallback),
    }
  })

const withoutCredentials = (text: string): string => text.replace(/\/\/\S*@/g, '//•@')
