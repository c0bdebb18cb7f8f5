import { readFile } from 'node:fs/promises'

/** A mail as it came. */
export interface Received {
  at: number
  to: string[]
  source: string
}

export interface Mail {
  at: number
  to: string[]
  subject: string
  text: string
  html: string
}

/** What a mail says of one alert. */
export interface Told {
  at: number
  alert: string
  isOver: boolean
  /** In the words of the mail. */
  severity: string
  summary: string
}

/** All mails of a mailbox, in the order in which they came. */
export async function mailsIn(file: string): Promise<Mail[]> {
  const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean)
  return lines.map(line => mailOf(JSON.parse(line) as Received))
}

/** Takes a mail apart, as far as Alertmanager's go: parts by their types, quoted-printable, words of RFC 2047. */
export function mailOf({ at, to, source }: Received): Mail {
  const { head, body } = halves(source)
  const boundary = /boundary="?([^";\r\n]+)/i.exec(head)?.[1]
  const parts = (boundary ? body.split(`--${boundary}`) : [source]).map(part => halves(part.trimStart()))
  const partOf = (type: string) => {
    const part = parts.find(one => one.head.toLowerCase().includes(`content-type: ${type}`))
    return part ? readable(part) : ''
  }
  const subject = words(/^subject: (.*)$/im.exec(head)?.[1] ?? '')
  return { at, to, subject, text: partOf('text/plain'), html: partOf('text/html') }
}

/** The alerts of a mail, by its text. */
export const toldIn = ({ at, text }: Mail): Told[] =>
  text.split(/\n\s*\n/).flatMap(section => {
    const [, word = '', summary = ''] =
      /^\s*(RÉTABLI|CRITIQUE|MAJEUR|mineur|veille) : (.+)$/m.exec(section) ?? []
    const alert = /^Procédure : docs\/runbooks\/(\w+)\.md/m.exec(section)?.[1]
    return alert ? [{ at, alert, isOver: word === 'RÉTABLI', severity: word, summary }] : []
  })

/** The head, each field on one line, and what follows it. */
function halves(text: string): { head: string; body: string } {
  const end = text.indexOf('\r\n\r\n')
  const [head, body] = end < 0 ? [text, ''] : [text.slice(0, end), text.slice(end + 4)]
  return { head: head.replace(/\r\n[ \t]+/g, ' ').replaceAll('\r\n', '\n'), body }
}

const readable = ({ head, body }: { head: string; body: string }): string =>
  (/quoted-printable/i.test(head) ? unquoted(body.replace(/=\r\n/g, '')) : body).replaceAll('\r\n', '\n')

const unquoted = (text: string): string =>
  Buffer.from(
    Buffer.from(text)
      .toString('latin1')
      .replace(/=([0-9A-F]{2})/gi, (_, code) => String.fromCharCode(Number.parseInt(code, 16))),
    'latin1',
  ).toString()

const words = (text: string): string =>
  text
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(/=\?utf-8\?([qb])\?([^?]*)\?=/gi, (_, kind, word) =>
      kind.toLowerCase() === 'q'
        ? unquoted(word.replaceAll('_', ' '))
        : Buffer.from(word, 'base64').toString(),
    )
