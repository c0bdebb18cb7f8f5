import 'reflect-metadata'
import { createPrivateKey } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as x509 from '@peculiar/x509'
import { SBIN } from '../../test/servers/rabbitmq.ts'
import { ANSIBLE_ENVIRONMENT, layoutOf } from './inventory.ts'
import type { Laboratory } from './laboratory.ts'
import { inPlace } from './network.ts'
import type { Machine } from './places.ts'
import { run } from './run.ts'
import { CONTAINER } from './servers.ts'

const RENEW = fileURLToPath(new URL('../../deploy/renew-certificates', import.meta.url))
const RENEW_MS = 300_000
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

/** Signs a machine's certificate anew, for as long as it is told: the same but for its end. */
export async function endAt(lab: Laboratory, machine: Machine, name: string, end: Date): Promise<void> {
  const file = join(lab.root(machine), 'etc/samaconso/tls', `${name}.crt`)
  const old = new x509.X509Certificate(await readFile(file, 'utf8'))
  const { authority_certificate, authority_key } = await secretsOf(lab)
  const key = createPrivateKey(authority_key).export({ type: 'pkcs8', format: 'der' })
  const made = await x509.X509CertificateGenerator.create({
    serialNumber: Date.now().toString(16),
    subject: old.subject,
    issuer: new x509.X509Certificate(authority_certificate).subject,
    notBefore: new Date(Date.now() - 86_400_000),
    notAfter: end,
    signingAlgorithm: ALGORITHM,
    publicKey: old.publicKey,
    signingKey: await crypto.subtle.importKey('pkcs8', key, ALGORITHM, false, ['sign']),
    extensions: old.extensions,
  })
  await writeFile(file, made.toString('pem'))
}

async function secretsOf(lab: Laboratory) {
  const vault = join(layoutOf(lab.folder).inventory, 'group_vars/all/vault.yml')
  const { vault_secrets } = JSON.parse(await readFile(vault, 'utf8')) as {
    vault_secrets: Record<'authority_certificate' | 'authority_key', string>
  }
  return vault_secrets
}

/** What the playbooks tell a server after its certificate changed, by the names of their handlers. */
const RELOADS: Record<string, (lab: Laboratory) => Promise<void>> = {
  // systemctl reload pgbouncer
  'Reload PgBouncer': async ({ units }) => {
    const { pid } = units.supervisor.status().find(({ name }) => name === 'pgbouncer') ?? {}
    if (pid) process.kill(pid, 'SIGHUP')
  },
  // docker exec samaconso_rabbitmq rabbitmqctl …
  'Reload the certificate of RabbitMQ': async lab => {
    const home = join(lab.root('server2'), 'var/lib/samaconso/rabbitmq')
    const as = ['setpriv', `--reuid=${CONTAINER.uid}`, `--regid=${CONTAINER.gid}`, '--clear-groups', '--']
    const command = [`${SBIN}/rabbitmqctl`, '-n', 'rabbit@localhost', 'eval', 'ssl:clear_pem_cache().']
    await run([...inPlace('server2'), ...as, 'env', `HOME=${home}`, ...command], { cwd: home })
  },
}

export async function reload(lab: Laboratory, names: readonly string[]): Promise<void> {
  for (const name of names) await RELOADS[name]?.(lab)
}

/** Runs deploy/renew-certificates on the laboratory's inventory, and reloads what it says; gives the names of those. */
export async function renewCertificates(lab: Laboratory): Promise<string[]> {
  const { inventory, machines } = layoutOf(lab.folder)
  const here = {
    render_root: machines,
    config_root: '{{ render_root }}/{{ inventory_hostname }}',
    manage_services: false,
    ansible_python_interpreter: '/usr/bin/python3',
  }
  const said = await run([RENEW, inventory, '--connection', 'local', '-e', JSON.stringify(here)], {
    ms: RENEW_MS,
    env: ANSIBLE_ENVIRONMENT,
  })
  const told = [...said.matchAll(/RUNNING HANDLER \[(?:\w+ : )?(.+?)\]/g)].map(([, name = '']) => name)
  await reload(lab, told)
  return told
}
