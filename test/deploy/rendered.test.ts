import { globSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig, SETTINGS } from '../../src/config.ts'
import { prometheusTool } from '../servers/packages.ts'
import { AS3_SCHEMA } from './as3-schema.ts'
import { type Rendered, render, root, run, SERVICE_ACCOUNT } from './rendering.ts'

// What deploy/ writes for the three servers and the balancer of the example inventory, judged by the programs that read it.
let files: Rendered
beforeAll(() => {
  files = render()
}, 260_000)
afterAll(() => files?.remove())

const MACHINES = {
  balancer1: '192.0.2.9',
  server1: '192.0.2.11',
  server2: '192.0.2.12',
  server3: '192.0.2.13',
}

describe('the firewall', () => {
  /** system.md, who may talk to whom, written down a second time. */
  const ALLOWED: Record<string, [from: string, ports: string][]> = {
    balancer1: [
      ['192.0.2.240/28', '22'],
      ['0.0.0.0/0', '80, 443'],
      ['192.0.2.13', '9100, 8404'],
    ],
    server1: [
      ['192.0.2.240/28', '22'],
      ['192.0.2.12, 192.0.2.13', '6432, 9000'],
      ['192.0.2.240/28', '9001'],
      ['192.0.2.13', '9100, 9127, 9187'],
    ],
    server2: [
      ['192.0.2.240/28', '22'],
      ['192.0.2.9', '8001, 8002'],
      ['192.0.2.13', '5672'],
      ['192.0.2.240/28', '15672'],
      ['192.0.2.13', '9100, 9101-9119, 15672, 15692'],
    ],
    server3: [
      ['192.0.2.240/28', '22'],
      ['192.0.2.12', '6379'],
      ['192.0.2.11, 192.0.2.12, 192.0.2.9', '3100'],
      ['192.0.2.240/28', '5555, 3000, 9090, 9093'],
    ],
  }

  it.each(Object.keys(MACHINES))('of %s lets in what the matrix says and nothing else', machine => {
    const text = files.read(machine, 'etc/nftables.conf')
    const rules = [...text.matchAll(/ip saddr \{ (.*?) \} tcp dport \{ (.*?) \} accept/g)]
    expect(rules.map(([, from, ports]) => [from, ports])).toEqual(ALLOWED[machine])
    expect(text.match(/policy drop/g)).toHaveLength(3)
    expect(run('nft', ['-c', '-f', join(files.folder, machine, 'etc/nftables.conf')])).toEqual({
      code: 0,
      output: '',
    })
  })

  it('lets out what another machine lets in', () => {
    for (const [machine, allowed] of Object.entries(ALLOWED)) {
      for (const [from, ports] of allowed) {
        for (const [other, address] of Object.entries(MACHINES)) {
          if (!from.split(', ').includes(address)) continue
          const out = files.read(other, 'etc/nftables.conf')
          expect(out).toContain(`tcp dport { ${ports} } accept`)
          expect(out).toContain(MACHINES[machine as keyof typeof MACHINES])
        }
      }
    }
  })
})

it('what Firebase gives arrives as it is, JSON', () => {
  for (const machine of ['server2', 'server3']) {
    const text = files.read(machine, 'opt/samaconso/secrets/fcm_service_account')
    expect(JSON.parse(text)).toEqual(SERVICE_ACCOUNT)
  }
})

it('HAProxy looks for the word of a running instance, quotation marks included', () => {
  // Bare ones are taken away by HAProxy, and no instance would ever be in the pool.
  expect(files.read('balancer1', 'etc/haproxy/haproxy.cfg')).toContain(
    `http-check expect rstring '"status":[[:space:]]*"running"'`,
  )
})

/** Settings whose default is what production wants; an inventory changes them by `application_settings`. */
const BY_ITSELF = [
  // Production is what it is when nothing is said; who listens where is the same everywhere.
  ...['SAMACONSO_MODE', 'LOG_LEVEL', 'MONITOR_PORT', 'MONITOR_USER'],
  // Nobody but administrators, unless the inventory makes a viewer.
  ...['MONITOR_VIEWER_USER', 'MONITOR_VIEWER_PASSWORD', 'MONITOR_READ_ONLY'],
  // There is an object storage; Redis is plain behind the firewall.
  ...['STORAGE_FOLDER', 'REDIS_CA_FILE'],
  // Sizes and bounds.
  ...['DATABASE_POOL', 'FCM_SESSIONS', 'FCM_QUOTA_PER_MINUTE', 'LIMIT_PER_ACCOUNT', 'LIMIT_PER_NETWORK'],
  ...['LIMIT_SIGN_INS_PER_NETWORK', 'LIMIT_SMS_PER_PHONE', 'LIMIT_SMS_PER_PREFIX', 'LIMIT_SMS_PER_DAY'],
  ...['PUSH_CHUNK', 'BROADCAST_APPROVAL_ABOVE', 'BROADCAST_RAMP_ABOVE', 'BROADCAST_RAMP_SECONDS'],
  // Google's own address; what the app on Android understands.
  ...['FCM_BASE_URL', 'FCM_ANDROID_DATA_MESSAGES'],
  // Written on server 1, where the product is not: health_check_complet.sh reads it there.
  'BACKUP_STATUS_FILE',
  // Traces are off.
  ...['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_SERVICE_NAME'],
  ...['OTEL_TRACES_SAMPLER', 'OTEL_TRACES_SAMPLER_ARG', 'OTEL_SDK_DISABLED'],
]

describe('what programs say of their files', () => {
  it('HAProxy', () => {
    const { code, output } = run('haproxy', [
      '-c',
      '-f',
      join(files.folder, 'balancer1/etc/haproxy/haproxy.cfg'),
    ])
    expect([code, output]).toEqual([0, expect.stringContaining('valid')])
    const text = files.read('balancer1', 'etc/haproxy/haproxy.cfg')
    expect(text).toContain('balance leastconn')
    expect(text).toMatch(/cookie SAMACONSOSERVERID insert .*maxidle 30m/)
    expect(text).toMatch(
      /server samaconso_api_1 192\.0\.2\.12:8001 [\s\S]*server samaconso_api_2 192\.0\.2\.12:8002 /,
    )
  })

  it.each([
    ['server2', 'docker-compose.production.yml', ['api_1', 'api_2', 'scheduler_1', 'rabbitmq']],
    ['server3', 'docker-compose.workers.yml', ['worker_1', 'worker_2', 'scheduler_2', 'redis', 'monitor']],
    ['server3', 'docker-compose.monitoring.yml', ['prometheus', 'alertmanager', 'grafana', 'loki']],
  ])('docker-compose of %s: %s', (machine, file, names) => {
    const folder = join(files.folder, machine, 'opt/samaconso')
    const { code, output } = run('docker-compose', ['-f', file, 'config'], { cwd: folder })
    expect([code, output.slice(0, 2_000)]).toEqual([0, expect.any(String)])
    for (const name of names) expect(output).toContain(`container_name: samaconso_${name}\n`)
    const services = output.split(/^ {2}(?=samaconso_\w+:$)/m).slice(1)
    for (const service of services) {
      expect(service).toMatch(/mem_limit:[\s\S]*pids_limit:[\s\S]*read_only: true/)
      expect(service).toMatch(/max-size: [\s\S]*no-new-privileges:true/)
      expect(service).toMatch(/healthcheck:/.test(service) ? /healthcheck:/ : /^samaconso_api_/)
    }
    // One release each, and none that moves.
    const images = [...output.matchAll(/^ {4}image: (.*)$/gm)].map(([, image]) => String(image))
    expect(images).toHaveLength(services.length)
    for (const image of images) expect(image).toMatch(/^[\w/-]+:v?\d+\.\d+\.\d+(-[a-z]+)?$/)
    expect(output).not.toMatch(/PASSWORD: [^/]|:latest|privileged: true|docker\.sock/)
  })

  it('SSH: keys alone, no root', () => {
    const file = join(files.folder, 'server1/etc/ssh/sshd_config.d/10-samaconso.conf')
    mkdirSync('/run/sshd', { recursive: true })
    const { code, output } = run('/usr/sbin/sshd', ['-T', '-f', file, '-o', `HostKey=${hostKey()}`])
    expect([code, output]).toEqual([0, expect.stringContaining('permitrootlogin no')])
    expect(output).toContain('passwordauthentication no')
  })

  function hostKey(): string {
    const key = join(files.folder, 'host_key')
    run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
    return key
  }

  it('the product takes its settings, and refuses only what others must fill in', () => {
    const text = files.read('server2', 'opt/samaconso/.env.production')
    const env = Object.fromEntries(
      text.split('\n').flatMap(line => (/^[A-Z]/.test(line) ? [line.split(/=(.*)/s).slice(0, 2)] : [])),
    )
    const given = {
      ...env,
      SIC_PASSWORD: 'given-by-its-owners-1',
      POSTPAID_PASSWORD: 'given-by-its-owners-2',
    }
    const config = loadConfig(given)
    expect(config.databaseUrl).toMatch(
      /^postgres:\/\/samaconso_app:.*@192\.0\.2\.11:6432\/samaconso\?sslmode=verify-full/,
    )
    expect(config.rabbitmqUrl).toMatch(/^amqps:\/\/samaconso:.*@192\.0\.2\.12:5672/)
    expect(config.redisUrl).toMatch(/^redis:\/\/samaconso:.*@192\.0\.2\.13:6379/)
    expect(config.trustedBalancers).toEqual(['192.0.2.9'])
  })

  it('every setting of the product is given to the processes, or is on purpose what it is by itself', () => {
    const names = (text: string, pattern: RegExp) =>
      [...text.matchAll(pattern)].map(([, name]) => String(name))
    const given = new Set(
      [
        ['server2', 'docker-compose.production.yml'],
        ['server3', 'docker-compose.workers.yml'],
      ].flatMap(([machine = '', compose]) => [
        ...names(files.read(machine, 'opt/samaconso/.env.production'), /^([A-Z]\w+)=/gm),
        ...names(files.read(machine, `opt/samaconso/${compose}`), /\b([A-Z]\w+): /g),
      ]),
    )
    const settings = Object.values(SETTINGS).map(({ env }) => env)
    const missing = settings.filter(env => !given.has(env) && !given.has(`${env}_FILE`))
    expect(missing.filter(env => !BY_ITSELF.includes(env))).toEqual([])
    expect(BY_ITSELF.filter(env => !missing.includes(env))).toEqual([])
    // Nothing is given that nobody reads. Compose files speak to RabbitMQ, too; the file of settings to the product alone.
    const read = new Set([...settings.flatMap(env => [env, `${env}_FILE`]), 'NODE_ENV'])
    for (const machine of ['server2', 'server3']) {
      const all = names(files.read(machine, 'opt/samaconso/.env.production'), /^([A-Z]\w+)=/gm)
      expect(all.filter(name => !read.has(name) && !/^SAMACONSO_\w+_VERSION$/.test(name))).toEqual([])
    }
  })

  it('the F5: the same pool in tmsh and AS3, with braces that close', () => {
    const tmsh = files.read('f5', 'samaconso.tmsh')
    expect(tmsh).toContain('recv "\\"status\\":\\"running\\""')
    expect(tmsh.match(/\{/g)?.length).toBe(tmsh.match(/\}/g)?.length)
    const { declaration } = JSON.parse(files.read('f5', 'samaconso.as3.json'))
    const { samaconso } = declaration.SamaConso
    expect(samaconso.samaconso_api.members.map((one: { servicePort: number }) => one.servicePort)).toEqual([
      8001, 8002,
    ])
    expect(samaconso.samaconso_health).toMatchObject({ interval: 10, receive: '.status.:.running.' })
    // Both look for the same words.
    expect('"status":"running"').toMatch(new RegExp(samaconso.samaconso_health.receive))
    expect('"status":"draining"').not.toMatch(new RegExp(samaconso.samaconso_health.receive))
    expect(samaconso.samaconso_cookie).toMatchObject({ cookieName: 'SAMACONSOSERVERID', ttl: 1_800 })
    expect(samaconso.samaconso_maintenance.iRule).toContain(
      '[active_members /SamaConso/samaconso/samaconso_api]',
    )
    expect(tmsh).toContain('[active_members samaconso_api]')
  })

  describe('the AS3 declaration', () => {
    const validate = new Ajv({ allErrors: true, strict: true }).compile(AS3_SCHEMA)
    const read = () => JSON.parse(files.read('f5', 'samaconso.as3.json'))

    it('says what AS3 knows', () => {
      validate(read())
      expect(validate.errors).toBeNull()
    })

    it('points at what it has', () => {
      const { samaconso } = read().declaration.SamaConso
      const { pool, serverTLS, iRules } = samaconso.samaconso_https
      const used = [...JSON.stringify(samaconso).matchAll(/"use":"([^"]*)"/g)].map(([, name]) => name)
      const certificates = samaconso.samaconso_tls.certificates.map(
        (one: { certificate: string }) => one.certificate,
      )
      expect(used.length).toBeGreaterThan(2)
      for (const name of [pool, serverTLS, ...iRules, ...used, ...certificates])
        expect(samaconso).toHaveProperty(name)
    })

    it.each([
      ['samaconso_cookie', 'cookieSecure', true],
      ['samaconso_https', 'profileWebSocket', { bigip: '/Common/websocket' }],
      ['samaconso_tls', 'tls1_0enabled', false],
      ['samaconso_api', 'slowRampTime', 901],
      ['samaconso_api', 'loadBalancingMode', 'least-connections'],
      ['samaconso_health', 'receive', '"status":"running"'],
      ['samaconso_certificate', 'certificate', { bigip: 'samaconso.crt' }],
    ])('is refused with this in %s: %s', (item, property, value) => {
      const wrong = read()
      wrong.declaration.SamaConso.samaconso[item][property] = value
      expect(validate(wrong)).toBe(false)
      expect(JSON.stringify(validate.errors)).toContain(property)
    })
  })

  it('every metrics port of the inventory is a target of Prometheus', () => {
    const targets: { targets: string[]; labels: { job: string; instance: string } }[] = JSON.parse(
      files.read('server3', 'etc/samaconso/monitoring/targets.json'),
    )
    const jobs = new Set(targets.map(({ labels }) => labels.job))
    expect([...jobs].sort()).toEqual(
      [
        'api',
        'haproxy',
        'monitor',
        'node',
        'pgbouncer',
        'postgresql',
        'rabbitmq',
        'redis',
        'scheduler',
        'worker',
      ].sort(),
    )
    expect(targets.filter(({ labels }) => labels.job === 'node')).toHaveLength(4)
  })
})

it('secrets are files of their owners, and in no other file', () => {
  const vault = files.read('inventory', 'group_vars/all/vault.yml')
  const values = [...vault.matchAll(/^ {2}\w+(?:password|pepper|seal_key|passphrase): (\w{20,})$/gm)].map(
    ([, value]) => String(value),
  )
  expect(values.length).toBeGreaterThan(8)
  for (const path of globSync('{server1,server2,server3,balancer1,f5}/**/*', { cwd: files.folder })) {
    const stat = statSync(join(files.folder, path))
    if (!stat.isFile()) continue
    const [machine = '', ...rest] = path.split('/')
    const text = files.read(machine, rest.join('/'))
    const holds = values.some(value => text.includes(value))
    // Nobody but root gets into /opt/samaconso/secrets; containers read single files of it.
    if (holds && !path.includes('/opt/samaconso/secrets/'))
      expect([path, (stat.mode & 0o077).toString(8)]).toEqual([path, expect.stringMatching(/^(0|40)$/)])
  }
  expect(statSync(join(files.folder, 'server2/opt/samaconso/.env.production')).mode & 0o777).toBe(0o600)
})

it('PostgreSQL’s service wakes it once it has started, or nothing is archived in its first quarter of an hour', () => {
  const unit = readFileSync(
    join(files.folder, 'server1/etc/systemd/system/postgresql@.service.d/samaconso.conf'),
    'utf8',
  )
  expect(unit).toMatch(/^ExecStartPost=-\/usr\/bin\/pg_ctlcluster --skip-systemctl-redirect %i reload$/m)
})

it('PostgreSQL, PgBouncer and the backups work on these files: what operators type, and the second before a DROP TABLE', () => {
  const { code, output } = run(
    'unshare',
    ['-n', '--', 'test/deploy/database.sh', join(files.folder, 'server1')],
    { seconds: 120 },
  )
  expect(code, output).toBe(0)
  for (const line of [
    'roles, first run: 4 changed',
    'roles, second run: 0 changed',
    'select: 1',
    'dump: 1 table',
    'operators write: ERROR:  cannot execute DROP TABLE in a read-only transaction',
    'backends ended: t',
    'application after it: 1000',
    'pool: samaconso_app transaction',
    'pool: samaconso_user session',
    'metric: pgbouncer_up 1',
    'metric: pgbouncer_active_clients{database="samaconso",user="samaconso_app"}',
    'metric: pgbouncer_waiting_clients{database="samaconso",user="samaconso_app"}',
    'superuser from outside: refused',
    'restored and compared: 1 tables agree',
    'rows after the restoration: 1500',
    'on the empty one: does not exist',
    'rows after all was lost: 1800',
  ]) {
    expect(output).toContain(line)
  }
}, 130_000)

describe('the monitoring', () => {
  const folder = 'etc/samaconso/monitoring'
  const file = (name: string) => join(files.folder, 'server3', folder, name)

  it('is what Prometheus, with its rules, and Alertmanager take', () => {
    const prometheus = run(prometheusTool('promtool'), ['check', 'config', file('prometheus.yml')])
    expect([prometheus.code, prometheus.output]).toEqual([0, expect.not.stringMatching(/WARNING|FAILED/)])
    expect(prometheus.output).toMatch(/SUCCESS: [1-9]\d* rule files found/)
    const alertmanager = run(prometheusTool('amtool'), ['check-config', file('alertmanager.yml')])
    expect([alertmanager.code, alertmanager.output]).toEqual([0, expect.stringMatching(/[1-9]\d* templates/)])
    expect(files.read('server3', `${folder}/alertmanager.yml`)).not.toContain('__')
  })

  it('asks every job that a rule or a panel names', () => {
    const targets = JSON.parse(files.read('server3', `${folder}/targets.json`)) as {
      labels: { job: string }
    }[]
    const config = files.read('server3', `${folder}/prometheus.yml`)
    const asked = new Set([
      ...targets.map(({ labels }) => labels.job),
      ...[...config.matchAll(/job_name: (\w+)/g)].map(([, name]) => name),
    ])
    const texts = globSync('deploy/observability/{rules/*.yml,dashboards/*.json}', { cwd: root }).map(path =>
      readFileSync(join(root, path), 'utf8'),
    )
    const named = texts.flatMap(text =>
      [...text.matchAll(/[{,]\s*job=~?\\?"([\w|]+)\\?"/g)].flatMap(([, names = '']) => names.split('|')),
    )
    expect(named.length).toBeGreaterThan(8)
    expect(named.filter(name => !asked.has(name))).toEqual([])
  })
})

const isPython = (name: string) => readFileSync(join(root, name), 'utf8').startsWith('#!/usr/bin/python3')

it('scripts are clean by ShellCheck, or can be read by Python', () => {
  const scripts = [
    ...globSync('deploy/{bin,scripts}/*', { cwd: root }).filter(name => !isPython(name)),
    ...[
      'deploy/rollout',
      'deploy/rollback',
      'deploy/maintenance',
      'deploy/make-secrets',
      'deploy/renew-certificates',
    ],
    ...[
      'deploy/lib/common.sh',
      'deploy/lib/install-here',
      'test/deploy/database.sh',
      'test/deploy/fake-remote.sh',
    ],
  ]
  expect(scripts.length).toBeGreaterThan(18)
  expect(run('shellcheck', ['-x', '-P', 'SCRIPTDIR', ...scripts])).toEqual({ code: 0, output: '' })
  const pythons = globSync('deploy/bin/*', { cwd: root }).filter(isPython)
  expect(pythons).not.toEqual([])
  const parses = 'import ast, sys\nfor name in sys.argv[1:]: ast.parse(open(name).read(), name)'
  expect(run('/usr/bin/python3', ['-c', parses, ...pythons])).toEqual({ code: 0, output: '' })
}, 60_000)

const PLAYBOOKS = ['site.yml', 'f5.yml', 'render.yml']

it('playbooks are readable to Ansible, with every role', () => {
  const inventory = join(files.folder, 'inventory')
  const read = run('ansible-playbook', ['-i', inventory, '--syntax-check', ...PLAYBOOKS], {
    cwd: join(root, 'deploy/ansible'),
  })
  expect([read.code, read.output]).toEqual([0, expect.not.stringContaining('ERROR')])
}, 60_000)

it('playbooks and roles are what ansible-lint calls ready for production', () => {
  const folder = join(root, 'deploy/ansible')
  const { code, output } = run('ansible-lint', ['--nocolor', '-p', ...PLAYBOOKS], {
    cwd: folder,
    seconds: 110,
  })
  expect(code, output).toBe(0)
  expect(output).toContain('Passed with production profile: 0 failure(s), 0 warning(s)')
  // It read the roles too, and not the playbooks alone.
  const tasks = globSync('{tasks/*,roles/*/{tasks,handlers,defaults}/*}.yml', { cwd: folder }).length
  expect(Number(/on (\d+) files/.exec(output)?.[1])).toBeGreaterThan(tasks * 0.9)
}, 120_000)
