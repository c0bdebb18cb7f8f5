import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '../../src/roles/embedded/ports.ts'
import { type RunningServer, startServer } from './process.ts'

export interface RunningSwift {
  endpoint: string
  region: string
  accessKey: string
  secretKey: string
  /** The process that answers requests. */
  server: RunningServer
  /** Stops all of it. Its folder is the caller's to remove. */
  stop(): Promise<void>
}

const PYTHON = '/usr/bin/python3'
const REGION = 'us-east-1'
const SECRET = 'storage-of-the-tests'
const STORES = ['account', 'container', 'object'] as const

/**
 * All of Swift in one process: what `swift.common.wsgi.run_wsgi` does for one server, for four. Loading Swift is most of
 * what a start costs, and as four processes it is loaded four times.
 */
const RUN = `
import sys
from swift.common.utils import set_swift_dir
set_swift_dir(sys.argv[1])
from swift.common import wsgi
import eventlet
wsgi.utils.eventlet_monkey_patch()
eventlet.hubs.use_hub(wsgi.get_hub())
eventlet.debug.hub_exceptions(False)
servers = []
for name in ('account', 'container', 'object', 'proxy'):
    conf, logger, log_name = wsgi._initrp('%s/%s-server.conf' % (sys.argv[1], name), name + '-server')
    app = wsgi.loadapp(conf['__file__'], global_conf={'log_name': log_name})
    servers.append(eventlet.spawn(
        wsgi.wsgi.server, wsgi.get_socket(conf), app, wsgi.NullLogger(), custom_pool=wsgi.RestrictedGreenPool(size=1024),
        protocol=wsgi.SwiftHttpProtocol, socket_timeout=60, capitalize_response_headers=False))
for server in servers: server.wait()
`

/** A ring is where things are: here, all on one device of one server. */
const RINGS = `
import sys
from array import array
from swift.common.ring import RingData
for name, port in (pair.split('=') for pair in sys.argv[2:]):
    device = {'id': 0, 'region': 1, 'zone': 1, 'ip': '127.0.0.1', 'port': int(port), 'replication_ip': '127.0.0.1',
              'replication_port': int(port), 'device': 'disk', 'weight': 1.0, 'meta': ''}
    RingData([array('H', [0] * 16)], [device], 28).save('%s/%s.ring.gz' % (sys.argv[1], name))
`

/**
 * An object storage that speaks S3 and checks signatures: OpenStack Swift on 127.0.0.1, with everything under one folder.
 * It knows neither `If-None-Match` nor lifecycles nor deleting in bulk.
 */
export async function startSwift(options: {
  folder: string
  /** A free one by default. */
  port?: number
  /** Where it answers; what is behind it stays on 127.0.0.1. */
  host?: string
}): Promise<RunningSwift> {
  const { folder, host = '127.0.0.1' } = options
  mkdirSync(join(folder, 'devices', 'disk'), { recursive: true })
  const [accountPort, containerPort, objectPort, cachePort, freePort] = await freePorts(5)
  const port = options.port ?? freePort
  const ports = { account: accountPort, container: containerPort, object: objectPort }
  writeFileSync(join(folder, 'swift.conf'), '[swift-hash]\nswift_hash_path_suffix = tests\n')
  const writeConf = (part: string, conf: string) =>
    writeFileSync(join(folder, `${part}-server.conf`), conf, { mode: 0o600 })
  const rings = STORES.map(store => `${store}=${ports[store]}`)
  await promisify(execFile)(PYTHON, ['-c', RINGS, folder, ...rings])

  const user = userInfo().username
  const started: RunningServer[] = []
  const stop = async () => {
    await Promise.all(started.splice(0).map(server => server.stop()))
  }
  const start = async (options: Parameters<typeof startServer>[0]) => {
    const server = await startServer(options)
    started.push(server)
    return server
  }
  for (const store of STORES) writeConf(store, storeConf(store, folder, ports[store]))
  writeConf('proxy', proxyConf(folder, host, port, cachePort))
  const results = await Promise.allSettled([
    start({
      name: 'memcached',
      command: ['/usr/bin/memcached', '-l', '127.0.0.1', '-p', `${cachePort}`, '-m', '16', '-u', user],
      port: cachePort,
      logFile: join(folder, 'memcached.log'),
    }),
    start({
      name: 'Swift',
      command: [PYTHON, '-c', RUN, folder],
      port,
      logFile: join(folder, 'swift.log'),
      ready: () => healthy(host, port),
    }),
  ])
  const failure = results.find(result => result.status === 'rejected')
  if (failure) {
    await stop()
    throw failure.reason
  }
  const server = started.find(each => each.port === port)
  if (!server) throw new Error('Swift is not there')
  // Its own cache is of no use without it.
  const exited = server.exited.then(stop)
  return {
    endpoint: `http://${host}:${port}`,
    region: REGION,
    accessKey: 'test:tester',
    secretKey: SECRET,
    server: { ...server, exited },
    stop,
  }
}

/** What all of them have. */
const common = (folder: string, port: number, host = '127.0.0.1') => `
bind_ip = ${host}
bind_port = ${port}
swift_dir = ${folder}
log_level = WARNING
`

const storeConf = (store: string, folder: string, port: number) => `[DEFAULT]
${common(folder, port)}
devices = ${join(folder, 'devices')}
mount_check = false
disable_fallocate = true
fallocate_reserve = 0
[pipeline:main]
pipeline = ${store}-server
[app:${store}-server]
use = egg:swift#${store}
`

const proxyConf = (folder: string, host: string, port: number, cachePort: number) => `[DEFAULT]
${common(folder, port, host)}
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats s3api tempauth copy slo dlo versioned_writes symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:s3api]
use = egg:swift#s3api
location = ${REGION}
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = ${SECRET} .admin
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:${cachePort}
${[
  'catch_errors',
  'gatekeeper',
  'healthcheck',
  'listing_formats',
  'copy',
  'slo',
  'dlo',
  'versioned_writes',
  'symlink',
]
  .map(name => `[filter:${name}]\nuse = egg:swift#${name}\n`)
  .join('')}`

async function healthy(host: string, port: number): Promise<void> {
  const answer = await fetch(`http://${host}:${port}/healthcheck`, { signal: AbortSignal.timeout(2_000) })
  if (!answer.ok) throw new Error(`the proxy answers ${answer.status}`)
}

/** As many different free ports. */
async function freePorts(count: 5): Promise<[number, number, number, number, number]> {
  const ports = new Set<number>()
  while (ports.size < count) ports.add(await freePort())
  return [...ports] as [number, number, number, number, number]
}
