import { spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { mailsIn, type Told, toldIn } from '../../lab/lib/mails.ts'
import { FACTOR, shortened } from '../../lab/lib/shortened.ts'
import { freePort } from '../../src/roles/embedded/ports.ts'
import { until } from '../harness.ts'
import { prometheusTool } from '../servers/packages.ts'
import { type RunningServer, startServer } from '../servers/process.ts'
import { FOLDER } from './files.ts'

/*
 * The whole way of an alert, with the rules, the routes and the template of production: Prometheus, Alertmanager, a mail relay.
 * Times are shortened by one factor (lab/lib/shortened.ts), so an hour is a minute. The laboratory does it with every alert
 * (npm run lab -- drills alerts); here it is an instance of the API that goes away and comes back.
 */
const MAILBOX = fileURLToPath(new URL('../../lab/processes/mailbox.ts', import.meta.url))
const TURN_MS = (15 * 60_000) / FACTOR
const MAIL_MS = 60_000

let folder: string
let mailbox: string
let relay: ReturnType<typeof spawn>
let alertmanager: RunningServer
let prometheus: RunningServer
let startAlertmanager: () => Promise<RunningServer>
let api: Server
let apiPort: number

const openApi = () =>
  new Promise<void>(done => {
    api = createServer((_, response) => response.end('up_here 1\n'))
    api.listen(apiPort, '127.0.0.1', done)
  })
const closeApi = () =>
  new Promise<void>(done => {
    api.close(() => done())
    api.closeAllConnections()
  })

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'samaconso-mails-'))
  mailbox = join(folder, 'mails')
  const [smtpPort, alertmanagerPort, prometheusPort, port] = await Promise.all(
    [1, 2, 3, 4].map(() => freePort()),
  )
  apiPort = port as number
  await openApi()
  relay = spawn(process.execPath, [MAILBOX, '127.0.0.1', String(smtpPort), mailbox], { stdio: 'inherit' })

  const answers = () =>
    new Promise<boolean>(done => {
      const socket = connect(smtpPort as number, '127.0.0.1', () => {
        socket.destroy()
        done(true)
      })
      socket.once('error', () => done(false))
    })
  await until('the mail relay', answers, 60_000)
  await cp(join(FOLDER, 'templates'), join(folder, 'templates'), { recursive: true })
  await mkdir(join(folder, 'rules'))
  for (const name of await readdir(join(FOLDER, 'rules')))
    await writeFile(
      join(folder, 'rules', name),
      shortened(await readFile(join(FOLDER, 'rules', name), 'utf8'), FACTOR),
    )
  const routes = (await readFile(join(FOLDER, 'alertmanager.yml'), 'utf8'))
    .replaceAll('__FOLDER__', folder)
    .replaceAll('__SMTP_HOST__', `127.0.0.1:${smtpPort}`)
    .replaceAll('__SMTP_TLS__', 'false')
    .replaceAll('__WATCHER_TO__', 'watcher@example.invalid')
    .replace(/__(MAIL_FROM|MAIL_TO)__/g, 'ops@example.invalid')
  await writeFile(join(folder, 'alertmanager.yml'), shortened(routes, FACTOR))
  await writeFile(
    join(folder, 'prometheus.yml'),
    `global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: ['${folder}/rules/*.yml']
alerting: { alertmanagers: [{ static_configs: [{ targets: ['127.0.0.1:${alertmanagerPort}'] }] }] }
scrape_configs:
  - job_name: api
    static_configs:
      - { targets: ['127.0.0.1:${apiPort}'], labels: { instance: samaconso_api_1 } }
      - { targets: ['127.0.0.1:${prometheusPort}'], labels: { instance: samaconso_api_2 } }
`,
  )
  const start = (name: string, at: number, args: string[]) =>
    startServer({
      name,
      port: at,
      logFile: join(folder, `${name}.log`),
      command: [prometheusTool(name as 'prometheus'), ...args, `--web.listen-address=127.0.0.1:${at}`],
    })
  startAlertmanager = () =>
    start('prometheus-alertmanager', alertmanagerPort as number, [
      `--config.file=${join(folder, 'alertmanager.yml')}`,
      `--storage.path=${join(folder, 'alertmanager')}`,
      '--cluster.listen-address=',
    ])
  alertmanager = await startAlertmanager()
  prometheus = await start('prometheus', prometheusPort as number, [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'prometheus')}`,
    // What it tells before it has found Alertmanager is told again after a minute: of this time, a second.
    '--rules.alert.resend-delay=1s',
  ])
}, 180_000)
afterAll(async () => {
  await prometheus?.stop()
  await alertmanager?.stop()
  relay?.kill()
  await closeApi()
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
}, 60_000)

/** Waits for a mail that says this of an alert. */
const told = (alert: string, isOver: boolean): Promise<Told> =>
  until(
    `${alert}${isOver ? ', over,' : ''} by mail`,
    async () =>
      (await mailsIn(mailbox)).flatMap(toldIn).find(one => one.alert === alert && one.isOver === isOver),
    MAIL_MS,
  ) as Promise<Told>
const lastOfWatcher = async () =>
  (await mailsIn(mailbox)).filter(({ to }) => to.includes('watcher@example.invalid')).at(-1)?.at ?? 0
const isMissed = async () => Date.now() - (await lastOfWatcher()) > 2 * TURN_MS

it('an instance of the API that goes away is told by mail, in French, and its return as well', async () => {
  await until('the mail that alerts work', async () => (await lastOfWatcher()) > 0, MAIL_MS)
  await closeApi()
  expect(await told('ApiDown', false)).toMatchObject({
    severity: 'MAJEUR',
    summary: "L'instance samaconso_api_1 de l'API ne répond plus",
  })
  await openApi()
  await told('ApiDown', true)
  const mails = (await mailsIn(mailbox)).filter(mail => toldIn(mail).some(({ alert }) => alert === 'ApiDown'))
  expect(mails.map(({ to }) => to)).toEqual(mails.map(() => ['ops@example.invalid']))
  expect(mails[0]?.subject).toBe("SamaConso [MAJEUR] L'instance samaconso_api_1 de l'API ne répond plus")
  expect(mails.at(-1)?.subject).toMatch(/^SamaConso \[rétabli\]/)
  expect(mails[0]?.html).toContain('docs/runbooks/ApiDown.md')
}, 180_000)

it('the mail that says that alerts work comes on and on, is missed when Alertmanager is away, and comes again', async () => {
  const first = await lastOfWatcher()
  await until('the next one', async () => (await lastOfWatcher()) > first, 3 * TURN_MS)
  await alertmanager.stop()
  await until('somebody to miss it', isMissed, 4 * TURN_MS)
  alertmanager = await startAlertmanager()
  await until('it again', async () => !(await isMissed()), MAIL_MS + 2 * TURN_MS)
}, 240_000)
