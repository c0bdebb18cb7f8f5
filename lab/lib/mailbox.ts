import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Service } from './units.ts'

const SCRIPT = fileURLToPath(new URL('../processes/mailbox.ts', import.meta.url))
/** The mail relay of the example inventory. */
const RELAY = { host: '192.0.2.146', port: 25 }
/** Who misses the mail that says that alerts work. */
export const WATCHER = 'veille@example.invalid'

export const mailboxFile = (folder: string): string => join(folder, 'outside/mails')

/** The mail relay outside: it keeps all mails. */
export const mailboxService = (folder: string): Service => ({
  name: 'mailbox',
  place: 'outside',
  command: async () => ({
    command: [process.execPath, SCRIPT, RELAY.host, String(RELAY.port), mailboxFile(folder)],
  }),
  ready: ['bash', '-c', `exec 3<>/dev/tcp/${RELAY.host}/${RELAY.port}`],
})
