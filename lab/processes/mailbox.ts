// mailbox.ts HOST PORT FILE: a mail relay that keeps what it is given, a line of JSON for each mail (lab/lib/mails.ts reads them).
import { appendFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import type { Received } from '../lib/mails.ts'

const [host = '', port = '', file = ''] = process.argv.slice(2)
const MOST_BYTES = 1_000_000

/** As far as RFC 5321 goes for one who takes everything. */
function serve(socket: Socket): void {
  let waiting = ''
  let recipients: string[] = []
  let isData = false
  const say = (line: string) => socket.write(`${line}\r\n`)

  function command(line: string): void {
    const verb = line.slice(0, 4).toUpperCase()
    if (verb === 'EHLO' || verb === 'HELO') return void say('250 mailbox')
    if (verb === 'RCPT') recipients.push(/<([^>]*)>/.exec(line)?.[1] ?? '')
    if (verb === 'DATA') {
      isData = true
      return void say('354 go on')
    }
    if (verb === 'QUIT') {
      say('221 bye')
      return void socket.end()
    }
    if (verb === 'RSET') recipients = []
    say(['MAIL', 'RCPT', 'RSET', 'NOOP'].includes(verb) ? '250 ok' : '502 not here')
  }

  socket.setEncoding('utf8')
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk: string) => {
    waiting += chunk
    if (waiting.length > MOST_BYTES) return void socket.destroy()
    for (;;) {
      const end = waiting.indexOf(isData ? '\r\n.\r\n' : '\r\n')
      if (end < 0) return
      const text = waiting.slice(0, end)
      waiting = waiting.slice(end + (isData ? 5 : 2))
      if (!isData) {
        command(text)
        continue
      }
      const mail: Received = { at: Date.now(), to: recipients, source: text.replace(/^\.\./gm, '.') }
      appendFileSync(file, `${JSON.stringify(mail)}\n`)
      isData = false
      recipients = []
      say('250 kept')
    }
  })
  say('220 mailbox ESMTP')
}

createServer(serve).listen(Number(port), host)
