import { spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { migrate, openDatabase } from '../../../src/db/index.ts'
import { freePort } from '../../../src/roles/embedded/ports.ts'
import { startEmbeddedPostgres } from '../../../src/roles/embedded/postgres.ts'
import { copy, inside, must, run } from './chroot.ts'
import { lastOf, readDockerfile, type Stage } from './dockerfile.ts'

// The Dockerfile's steps, done one by one in Debian in a folder instead of the image that it names: Debian too, with Node.

const NODE_USER = '1000'
const START_MS = 60_000

/** Node and npm where the official image has them, and its user. */
export async function makeNodeImage(base: string, image: string): Promise<void> {
  await copy(base, image)
  cpSync(process.execPath, join(image, 'usr/local/bin/node'), { dereference: true })
  const npm = (await must(['npm', 'root', '-g'])).trim()
  await must(['cp', '-aL', join(npm, 'npm'), join(image, 'usr/local/lib/npm')])
  await must(inside(image, ['ln', '-s', '../lib/npm/bin/npm-cli.js', '/usr/local/bin/npm']))
  await must(inside(image, ['groupadd', '--gid', NODE_USER, 'node']))
  await must(inside(image, ['useradd', '--uid', NODE_USER, '--gid', 'node', '--create-home', 'node']))
}

/** What .dockerignore lets through, as the builder would see it: `!path` lets in, later patterns take out again. */
function context(root: string, folder: string): string {
  const to = mkdtempSync(join(folder, 'context-'))
  const lines = readFileSync(join(root, '.dockerignore'), 'utf8')
    .split('\n')
    .map(line => line.trim())
  const taken = lines.filter(line => line.startsWith('!')).map(line => line.slice(1))
  const left = lines.filter(line => line !== '' && line !== '*' && !/^[#!]/.test(line))
  const isLeft = (path: string) =>
    left.some(pattern =>
      pattern.startsWith('**/*') ? path.endsWith(pattern.slice(4)) : matches(pattern, path),
    )
  for (const path of taken) {
    cpSync(join(root, path), join(to, path), {
      recursive: true,
      filter: source => !isLeft(source.slice(root.length)) && basename(source) !== 'node_modules',
    })
  }
  return to
}
const matches = (pattern: string, path: string): boolean =>
  new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '[^/]*')}(/|$)`).test(path)

/** Does the steps of every stage up to one; the folders of the stages. */
export async function build(
  root: string,
  folder: string,
  nodeImage: string,
  target: string,
): Promise<{ stages: Stage[]; image: string; told: string[] }> {
  const all = readDockerfile(readFileSync(join(root, 'Dockerfile'), 'utf8'))
  const stages = all.slice(0, all.findIndex(({ name }) => name === target) + 1)
  const from = context(root, folder)
  const told: string[] = []
  for (const stage of stages) {
    const image = join(folder, `stage-${stage.name}`)
    const parent = stages.find(({ name }) => name === stage.from)
    await copy(parent ? join(folder, `stage-${parent.name}`) : nodeImage, image)
    const begun = performance.now()
    await doSteps(stage, image, from, folder)
    told.push(`${stage.name} ${((performance.now() - begun) / 1_000).toFixed(0)} s`)
  }
  return { stages, image: join(folder, `stage-${target}`), told }
}

async function doSteps(stage: Stage, image: string, context: string, folder: string): Promise<void> {
  let cwd = '/'
  let user: string | undefined
  const env: Record<string, string> = { NODE_EXTRA_CA_CERTS: '/etc/ssl/certs/ca-certificates.crt' }
  for (const step of stage.steps) {
    if (step.kind === 'workdir') {
      cwd = step.value
      mkdirSync(join(image, cwd), { recursive: true })
    } else if (step.kind === 'user') user = step.value
    else if (step.kind === 'env') Object.assign(env, step.values)
    else if (step.kind === 'copy')
      copyIn(step, image, cwd, step.from ? join(folder, `stage-${step.from}`) : context)
    else if (step.kind === 'run')
      await must(
        inside(image, ['/bin/sh', '-c', step.command], { cwd, env, minutes: 10, ...(user ? { user } : {}) }),
      )
  }
}

/** A folder's content goes into the target; a file goes below it when the target ends with a stroke. */
function copyIn(
  { sources, target }: { sources: string[]; target: string },
  image: string,
  cwd: string,
  from: string,
): void {
  const to = join(image, target.startsWith('/') ? target : join(cwd, target))
  for (const source of sources) {
    const path = join(from, source)
    const isFolder = statSync(path).isDirectory()
    const place = isFolder || !/\/$|^\.$/.test(target) ? to : join(to, basename(source))
    mkdirSync(isFolder ? place : dirname(place), { recursive: true })
    cpSync(path, place, { recursive: true, verbatimSymlinks: true })
  }
}

/** Starts the image's program as compose does: another user than root, files that nobody can write, no privilege to be won. */
export async function start(
  stages: readonly Stage[],
  target: string,
  image: string,
  env: Record<string, string>,
): Promise<string> {
  const user = lastOf(stages, target, 'user')?.value
  if (!user || user === 'root') throw new Error('the image runs as root')
  const port = await freePort()
  const own = lastOf(stages, target, 'env')?.values ?? {}
  const options = {
    user,
    cwd: lastOf(stages, target, 'workdir')?.value ?? '/',
    env: { ...own, ...env, HOST: '127.0.0.1', PORT: String(port) },
    readOnly: true,
  }
  const refused = await run(
    inside(image, ['touch', '/app/src/main.ts', '/app/written', '/etc/written'], options),
  )
  if (refused.code === 0) throw new Error('its files can be written')
  const command = [
    ...(lastOf(stages, target, 'entrypoint')?.command ?? []),
    ...(lastOf(stages, target, 'cmd')?.command ?? []),
  ]
  const [program = '', ...args] = inside(image, command, options)
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', chunk => {
      output += chunk
    })
  const ended = new Promise<void>(done => void child.once('close', () => done()))
  try {
    const report = await answer(
      `http://127.0.0.1:${port}/health`,
      () => child.exitCode !== null,
      () => output,
    )
    const uid = /^Uid:\s+(\d+)\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))
    if (uid?.[1] !== NODE_USER || uid[2] !== NODE_USER) throw new Error(`it runs as ${uid?.[0]}`)
    const check = lastOf(stages, target, 'healthcheck')?.command ?? []
    await must(inside(image, check, options), { minutes: 1 })
    return `/health says ${report.status} of version ${report.version}, as user ${uid[1]}; HEALTHCHECK agrees`
  } finally {
    if (child.exitCode === null && child.pid) process.kill(-child.pid, 'SIGTERM')
    const tooLong = setTimeout(() => child.pid && process.kill(-child.pid, 'SIGKILL'), 60_000)
    await ended
    clearTimeout(tooLong)
  }
}

async function answer(
  url: string,
  hasEnded: () => boolean,
  output: () => string,
): Promise<{ status: string; version: string }> {
  for (const deadline = Date.now() + START_MS; ; ) {
    const response = await fetch(url).catch(() => undefined)
    const report = (await response?.json()) as { status: string; version: string } | undefined
    if (report?.status === 'running') return report
    if (hasEnded() || Date.now() > deadline)
      throw new Error(`it is ${report?.status ?? 'silent'}:\n${output().slice(-4_000)}`)
    await new Promise(done => setTimeout(done, 300))
  }
}

/** A database with the schema of this version, without which the image is not ready, for as long as `work` lasts. */
export async function withDatabase<T>(folder: string, work: (url: string) => Promise<T>): Promise<T> {
  const { url, stop } = await startEmbeddedPostgres({ folder, throwaway: true })
  try {
    const db = openDatabase({ url, pool: 1, statementTimeout: 60_000 })
    await migrate(db).finally(() => db.close())
    return await work(url)
  } finally {
    await stop()
  }
}

/** Settings of a machine with a database alone: other addresses where nobody answers, secrets made for the occasion. */
export async function lonelySettings(
  root: string,
  image: string,
  databaseUrl: string,
): Promise<Record<string, string>> {
  const secrets = mkdtempSync(join(image, 'run/secrets-'))
  await must([process.execPath, 'deploy/compose/secrets.ts'], { cwd: root, env: { SECRETS_DIR: secrets } })
  writeFileSync(join(secrets, 'database_url'), databaseUrl)
  await must(['chmod', '-R', 'a+rX', secrets])
  const at = (name: string) => join(secrets.slice(image.length), name)
  writeFileSync(join(secrets, 'service-account.json'), JSON.stringify(serviceAccount()), { mode: 0o644 })
  const files = ['database_url', 'rabbitmq_url', 'redis_url', 's3_access_key', 's3_secret_key']
  const own = ['token_key', 'pepper', 'seal_key', 'monitor_password']
  return {
    ...Object.fromEntries([...files, ...own].map(name => [`${name.toUpperCase()}_FILE`, at(name)])),
    S3_ENDPOINT: 'http://127.0.0.1:9',
    SIC_PASSWORD_FILE: at('sql_password'),
    POSTPAID_PASSWORD_FILE: at('sql_password'),
    FCM_SERVICE_ACCOUNT_FILE: at('service-account.json'),
    SMS_URL: 'https://127.0.0.1:9/sms',
    INSTANCE: 'samaconso_api_1',
  }
}
/** As Firebase gives it, with a key of nobody's. */
const serviceAccount = () => ({
  type: 'service_account',
  project_id: 'samaconso',
  private_key_id: 'none',
  private_key: generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  }),
  client_email: 'push@samaconso.example',
  token_uri: 'https://127.0.0.1:9/token',
})
