// The simulated world in a container: on the ports that compose.yaml names, with the password that it gives.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'

const DIR = '/var/lib/outside'
const CONTROL = 9900
/** Where compose publishes the page of phones: the simulated world itself listens on 127.0.0.1 alone. */
const PUBLISHED = 9901
const PORTS = { sic: 11433, postpaid: 11434, fcm: 9443, sms: 9444 }

const file = join(DIR, 'world.json')
if (!existsSync(file)) {
  mkdirSync(DIR, { recursive: true })
  const sqlPassword = readFileSync('/run/secrets/sql_password', 'utf8').trim()
  const kept = { epoch: new Date().toISOString(), sqlPassword, ports: PORTS }
  writeFileSync(file, JSON.stringify(kept), { mode: 0o600 })
}

createServer(outer => {
  const inner = connect(CONTROL, '127.0.0.1')
  // Either end that goes takes the other along.
  outer.on('error', () => inner.destroy())
  inner.on('error', () => outer.destroy())
  outer.pipe(inner).pipe(outer)
}).listen(PUBLISHED, '0.0.0.0')

process.argv.push('--data-dir', DIR, '--port', String(CONTROL))
await import('../../simulators/main.ts')
