import { stripVTControlCharacters } from 'node:util'
import { say } from '../say.ts'

const color = process.stdout.isTTY && !process.env.NO_COLOR
const paint = (code: string) => (text: string) => (color ? `\x1b[${code}m${text}\x1b[0m` : text)
export const bold = paint('1')
export const dim = paint('2')
export const green = paint('32')
export const cyan = paint('36')

export interface Addresses {
  api: string
  monitor: string
  simulators: string
  dataDir: string
}

/** What a person sees when all runs: where to look and as whom. */
export function welcome({ api, monitor, simulators, dataDir }: Addresses): string {
  const row = (name: string, value: string, note = '') =>
    `${name.padEnd(15)}${value}${note ? dim(`  ${note}`) : ''}`
  return box([
    bold(say({ fr: 'SamaConso est prêt', en: 'SamaConso is ready' })),
    '',
    row(say({ fr: 'Documentation', en: 'Documentation' }), cyan(`${api}/docs`)),
    row('API', cyan(`${api}/v1`)),
    row(
      say({ fr: 'Téléphones', en: 'Phones' }),
      cyan(simulators),
      say({ fr: 'SMS et notifications simulés', en: 'simulated SMS and pushes' }),
    ),
    row(say({ fr: 'Tâches', en: 'Tasks' }), cyan(monitor), 'admin / admin'),
    '',
    row(say({ fr: 'Cliente', en: 'Customer' }), '+221770000001', 'PIN 7394'),
    row('', say({ fr: 'compteur 14100000018', en: 'meter 14100000018' })),
    row('', say({ fr: 'compte 1000000001', en: 'account 1000000001' })),
    row('Agent', 'agent', 'Agent-demo-2026'),
    row('Admin', 'admin', 'Admin-demo-2026'),
    row('', 'admin2', 'Admin2-demo-2026'),
    '',
    dim(say({ fr: `Données : ${dataDir}`, en: `Data: ${dataDir}` })),
    dim(say({ fr: 'Ctrl-C pour arrêter', en: 'Ctrl-C to stop' })),
  ])
}

export function box(lines: string[]): string {
  const width = Math.max(...lines.map(line => stripVTControlCharacters(line).length))
  const edge = '─'.repeat(width + 4)
  const body = lines.map(line => `│  ${line}${' '.repeat(width - stripVTControlCharacters(line).length)}  │`)
  return [`╭${edge}╮`, ...body, `╰${edge}╯`].join('\n')
}
