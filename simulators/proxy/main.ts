import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { loadOrCreateAuthority } from '../authority.ts'
import { endWhenTold } from '../ending.ts'
import { PROXY_MODES, startProxy } from './index.ts'

/**
 * The proxy as a process of its own, to be killed alone: says where it listens in one line of JSON on standard output,
 * and ends on signals and when its standard input closes.
 *
 *   node simulators/proxy/main.ts --allow 127.0.0.1:4443 --upstream-ca authority.pem [--mode http1] [--login user:password]
 */
const { values } = parseArgs({
  options: {
    'data-dir': { type: 'string', default: '.data/proxy' },
    port: { type: 'string', default: '0' },
    allow: { type: 'string', multiple: true, default: [] },
    'upstream-ca': { type: 'string' },
    mode: { type: 'string', default: 'h2' },
    login: { type: 'string' },
  },
})
const mode = PROXY_MODES.find(known => known === values.mode)
if (!mode || !values['upstream-ca'] || values.allow.length === 0) {
  process.stderr.write(
    `Give --upstream-ca FILE, --allow HOST:PORT (once or more), and --mode: one of ${PROXY_MODES.join(', ')}.\n`,
  )
  process.exit(1)
}

const authority = await loadOrCreateAuthority(resolve(values['data-dir']), 'Simulated proxy authority')
const starting = startProxy({
  authority,
  upstreamCa: readFileSync(values['upstream-ca'], 'utf8'),
  allowed: values.allow,
  port: Number(values.port),
  behaviour: { mode },
  ...(values.login !== undefined && { login: loginOf(values.login) }),
})
endWhenTold(starting)
const { url } = await starting
process.stdout.write(`${JSON.stringify({ url, caFile: authority.caFile })}\n`)

function loginOf(text: string): { user: string; password: string } {
  const [user = '', ...password] = text.split(':')
  return { user, password: password.join(':') }
}
