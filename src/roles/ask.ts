import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { StartError, say, type Words } from './say.ts'

/** Asks at the terminal for what is not shown while it is typed. */
export async function askSecret(question: Words): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new StartError({
      fr: 'Sans terminal, donnez le mot de passe par --password-file FICHIER ou --password-stdin.',
      en: 'Without a terminal, give the password by --password-file FILE or --password-stdin.',
    })
  }
  process.stderr.write(say(question))
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true })
  try {
    return await terminal.question('')
  } finally {
    terminal.close()
    process.stderr.write('\n')
  }
}
