import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Addresses } from '../../simulators/index.ts'
import { WATCHER } from './mailbox.ts'
import { type Machine, OUTSIDE, VIP } from './places.ts'
import { run } from './run.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const ANSIBLE = join(ROOT, 'deploy/ansible')
const RENDER_MS = 300_000
export const ANSIBLE_ENVIRONMENT = {
  ANSIBLE_NOCOLOR: '1',
  ANSIBLE_LOG_PATH: '/dev/null',
  LC_ALL: 'C.UTF-8',
}

/** Debian's Swift stands for the other S3: it has one key, which its tests share. */
export const STORAGE_KEYS = { accessKey: 'test:tester', secretKey: 'storage-of-the-tests' }

export interface Layout {
  /** All that the laboratory writes. */
  folder: string
  /** A copy of the example inventory with what the laboratory needs to have otherwise. */
  inventory: string
  /** Below it: a folder for each machine, as deploy/ wrote it. */
  machines: string
}

export const layoutOf = (folder: string): Layout => ({
  folder,
  inventory: join(folder, 'inventory'),
  machines: join(folder, 'machines'),
})

/** Writes the inventory, with secrets of its own, and every machine's files from it. */
export async function renderMachines(layout: Layout, outside: Addresses, vip: Vip): Promise<void> {
  const { inventory } = layout
  await cp(join(ANSIBLE, 'inventory/example'), inventory, { recursive: true })
  await run([join(ROOT, 'deploy/make-secrets'), inventory])
  const variables = join(inventory, 'group_vars/all')
  const vault = join(variables, 'vault.yml')
  const secrets = JSON.parse(await run(['/usr/bin/python3', '-c', YAML_TO_JSON, vault])) as {
    vault_secrets: object
  }
  await writePrivate(vault, {
    vault_secrets: {
      ...secrets.vault_secrets,
      ...(await givenByOthers(outside)),
      vip_certificate: vip.cert,
      vip_key: vip.key,
      storage_access_key: STORAGE_KEYS.accessKey,
      storage_secret_key: STORAGE_KEYS.secretKey,
    },
  })
  // JSON is YAML.
  await writePrivate(join(variables, 'lab.yml'), settings(layout, outside))
  await writeFiles(layout)
}

/** Writes machines' files from the inventory as it is now, all unless said; what is there and as it should be stays untouched. */
export async function writeFiles({ inventory, machines }: Layout, only?: readonly Machine[]): Promise<void> {
  const limit = only ? ['--limit', only.join(',')] : []
  await run(['ansible-playbook', '-i', inventory, 'render.yml', ...limit, '-e', `render_root=${machines}`], {
    cwd: ANSIBLE,
    ms: RENDER_MS,
    env: ANSIBLE_ENVIRONMENT,
  })
}

/** The customers' certificate, for the address where they arrive. */
export interface Vip {
  cert: string
  key: string
}

export const VIP_NAMES = [VIP, 'samaconso.example']

const YAML_TO_JSON = 'import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)'

/** A YAML file as data, by the library that Ansible reads it with. */
export async function readYaml<T>(file: string): Promise<T> {
  return JSON.parse(await run(['/usr/bin/python3', '-c', YAML_TO_JSON, file])) as T
}

const writePrivate = (file: string, data: object): Promise<void> =>
  writeFile(file, `${JSON.stringify(data, null, 2)}\n`, { mode: 0o600 })

/** What Senelec's other systems give to the product: here the simulated ones. */
async function givenByOthers(outside: Addresses) {
  const [authority, proxyAuthority] = await Promise.all(
    [outside.caFile, outside.proxy.caFile].map(file => readFile(file, 'utf8')),
  )
  return {
    sic_password: outside.sic.password,
    postpaid_password: outside.postpaid.password,
    fcm_service_account: await readFile(outside.fcm.serviceAccountFile, 'utf8'),
    outside_authorities: `${authority?.trim()}\n${proxyAuthority?.trim()}\n`,
  }
}

/** What is otherwise than in the example: the size of this machine, and what cannot be had on it. */
function settings({ folder }: Layout, outside: Addresses) {
  const unit = (verb: string) => `${join(ROOT, 'lab/bin/unit')} ${folder} ${verb} postgresql`
  const proxy = new URL(outside.proxy.url)
  proxy.host = `${OUTSIDE.proxy.address}:${OUTSIDE.proxy.port}`
  return {
    machine_memory_mb: 4096,
    machine_cpus: 2,
    redis_memory: '256mb',
    rabbitmq_memory_mb: 1024,
    // Descriptors of a process are capped where the laboratory runs, and each connection takes two.
    haproxy_max_connections: 8900,
    haproxy_log: 'stdout format raw local0',
    storage_kind: 'external',
    storage_endpoint: 'http://192.0.2.11:9000',
    log_agent_package: '',
    alert_watcher_mail: WATCHER,
    // Grafana and Loki are not here.
    monitoring_targets: ['127.0.0.1:9090', '127.0.0.1:9093'],
    postgresql_stop_command: unit('stop'),
    postgresql_start_command: unit('start'),
    sms: { host: OUTSIDE.sms.address, port: OUTSIDE.sms.port, path: new URL(outside.sms.url).pathname },
    application_settings: {
      // Seen from the proxy, which is outside.
      FCM_BASE_URL: outside.fcm.baseUrl,
      FCM_PROXY_URL: proxy.href.replace(/\/$/, ''),
      // Everybody calls from a few addresses.
      LIMIT_PER_ACCOUNT: '1000000000',
      LIMIT_PER_NETWORK: '1000000000',
      LIMIT_SIGN_INS_PER_NETWORK: '100000',
      BROADCAST_APPROVAL_ABOVE: '10000000',
      BROADCAST_RAMP_SECONDS: '0',
    },
  }
}
