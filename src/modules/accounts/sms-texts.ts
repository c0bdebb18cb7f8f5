import type { Language } from '../../http/index.ts'
import type { Purpose } from './sql/codes.ts'

// Letters of the GSM 7-bit alphabet only (é, è, à, ù, ò are in it; ê, ç, ë are not), within the 160 of one SMS.

const CODE: Record<Language, Record<Purpose, (code: string) => string>> = {
  fr: {
    register: code =>
      `SamaConso : ${code} est votre code pour créer votre compte, valable 5 minutes. Ne le donnez à personne, Senelec ne le demande jamais.`,
    device: code =>
      `SamaConso : ${code} est votre code pour vous connecter sur cet appareil, valable 5 minutes. Ne le donnez à personne, Senelec ne le demande jamais.`,
    'pin-reset': code =>
      `SamaConso : ${code} est votre code pour changer votre PIN, valable 5 minutes. Ne le donnez à personne, Senelec ne le demande jamais.`,
  },
  en: {
    register: code =>
      `SamaConso: ${code} is your code to create your account, valid for 5 minutes. Never share it, Senelec never asks for it.`,
    device: code =>
      `SamaConso: ${code} is your code to sign in on this device, valid for 5 minutes. Never share it, Senelec never asks for it.`,
    'pin-reset': code =>
      `SamaConso: ${code} is your code to change your PIN, valid for 5 minutes. Never share it, Senelec never asks for it.`,
  },
  // To be reviewed by a native speaker.
  wo: {
    register: code =>
      `SamaConso: ${code} mooy sa kod ngir ubbi sa compte, dina dox 5 simili. Bul ko wax kenn, Senelec du la ko laaj mukk.`,
    device: code =>
      `SamaConso: ${code} mooy sa kod ngir dugg ci telefon bii, dina dox 5 simili. Bul ko wax kenn, Senelec du la ko laaj mukk.`,
    'pin-reset': code =>
      `SamaConso: ${code} mooy sa kod ngir soppi sa PIN, dina dox 5 simili. Bul ko wax kenn, Senelec du la ko laaj mukk.`,
  },
}

const HAS_ACCOUNT: Record<Language, string> = {
  fr: 'SamaConso : ce numéro a déjà un compte. Connectez-vous avec votre code PIN. Si vous n’avez rien demandé, ignorez ce message.',
  en: 'SamaConso: this number already has an account. Sign in with your PIN. If you asked for nothing, ignore this message.',
  // To be reviewed by a native speaker.
  wo: 'SamaConso: nimero bii am na compte ba noppi. Duggal ak sa kod PIN. Su fekkee laajuloo dara, bul ci def dara.',
}

const HAS_NO_ACCOUNT: Record<Language, string> = {
  fr: 'SamaConso : ce numéro n’a pas de compte. Ouvrez l’application pour en créer un. Si vous n’avez rien demandé, ignorez ce message.',
  en: 'SamaConso: this number has no account. Open the app to create one. If you asked for nothing, ignore this message.',
  // To be reviewed by a native speaker.
  wo: 'SamaConso: nimero bii amul compte. Ubbil application bi ngir am ko. Su fekkee laajuloo dara, bul ci def dara.',
}

export const codeText = (language: Language, purpose: Purpose, code: string): string =>
  CODE[language][purpose](code)

/** Instead of a code, where one would be of no use: whether a phone has an account is told here alone. */
export const wordsInstead = (language: Language, purpose: Purpose): string =>
  gsm((purpose === 'register' ? HAS_ACCOUNT : HAS_NO_ACCOUNT)[language])

/** The typographer's apostrophe would make the SMS twice as dear. */
const gsm = (text: string): string => text.replaceAll('’', "'")
