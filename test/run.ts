// `npm test` and `npm run check`: every check of the project, then every test suite, with one verdict.
import { spawn } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BROWSER, needServers, SUITE_SERVERS } from './servers/packages.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const bin = (path: string) => [process.execPath, join(root, 'node_modules', path)]

const CHECKS: Record<string, string[]> = {
  'type check': [...bin('typescript/bin/tsc'), '-p', '.'],
  'type check of the web apps': [...bin('typescript/bin/tsc'), '-p', 'web'],
  'lint and format': [...bin('@biomejs/biome/bin/biome'), 'check', '--error-on-warnings', '.'],
  'directions of imports': [
    ...bin('dependency-cruiser/bin/dependency-cruise.mjs'),
    'src',
    'simulators',
    '--config',
  ],
  'unused code': [...bin('knip/bin/knip.js')],
  'secret scan': [...bin('secretlint/bin/secretlint.js'), '--secretlintignore', '.gitignore', '**/*'],
  'openapi.json': [process.execPath, 'test/generated.ts', 'openapi'],
  'openapi-monitor.json': [process.execPath, 'test/generated.ts', 'openapi-monitor'],
  'client of the monitor': [process.execPath, 'test/generated.ts', 'monitor-client'],
  '.env.example': [process.execPath, 'test/generated.ts', 'env-example'],
}

interface Outcome {
  ok: boolean
  seconds: number
  output: string
}

/** Somebody ended us: nothing more is begun. */
let isInterrupted = false

function run([program, ...args]: string[], show: boolean): Promise<Outcome> {
  const startedAt = performance.now()
  return new Promise(done => {
    const child = spawn(program as string, args, {
      cwd: root,
      stdio: ['ignore', show ? 'inherit' : 'pipe', show ? 'inherit' : 'pipe'],
      env: { ...process.env, FORCE_COLOR: '0' },
    })
    const endBy = (signal: NodeJS.Signals) => {
      isInterrupted = true
      child.kill(signal)
    }
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => endBy(signal))
    process.once('disconnect', () => endBy('SIGTERM'))
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', chunk => {
        output = (output + chunk).slice(-20_000)
      })
    }
    child.once('exit', code => {
      done({ ok: code === 0, seconds: (performance.now() - startedAt) / 1_000, output })
    })
  })
}

const withTests = !process.argv.includes('--check')
// Told before anything takes time; by the suites themselves it would be told with a stack.
if (withTests) {
  try {
    await needServers([...SUITE_SERVERS, ...BROWSER])
  } catch (error) {
    console.error(`\n${(error as Error).message}\n`)
    process.exit(1)
  }
}

const failures: string[] = []
await Promise.all(
  Object.entries(CHECKS).map(async ([name, command]) => {
    const { ok, seconds, output } = await run(command, false)
    console.log(`${ok ? '✓' : '✗'} ${name} (${seconds.toFixed(1)} s)`)
    if (ok) return
    failures.push(name)
    console.log(output)
  }),
)

let counts = { passed: 0, failed: 0, skipped: 0 }
if (withTests) {
  const report = join(tmpdir(), `samaconso-vitest-${process.pid}.json`)
  const command = [
    ...bin('vitest/vitest.mjs'),
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile=${report}`,
  ]
  const { ok } = await run(command, true)
  const result = JSON.parse(await readFile(report, 'utf8').catch(() => '{}'))
  await rm(report, { force: true })
  counts = {
    passed: result.numPassedTests ?? 0,
    failed: result.numFailedTests ?? 0,
    // A test that does not run has not passed.
    skipped: (result.numPendingTests ?? 0) + (result.numTodoTests ?? 0),
  }
  if (!ok || counts.failed > 0 || counts.skipped > 0) failures.push('tests')
  if (counts.passed === 0) failures.push('no test ran')
}

if (withTests && !isInterrupted) {
  // After the others: it kills processes and measures how fast what is urgent arrives.
  const cases = join(tmpdir(), `samaconso-faults-${process.pid}.json`)
  const faults = await run([process.execPath, 'test/faults/run.ts', '--short', `--report=${cases}`], true)
  const { passed = 0, failed = 0 } = JSON.parse(await readFile(cases, 'utf8').catch(() => '{}'))
  await rm(cases, { force: true })
  counts.passed += passed
  counts.failed += failed
  if (!faults.ok || passed === 0) failures.push('faults')
}

if (withTests && !isInterrupted) {
  if (process.platform === 'linux' && process.getuid?.() === 0) {
    const drills = join(tmpdir(), `samaconso-drills-${process.pid}.json`)
    const lab = await run([process.execPath, 'lab/main.ts', 'drills', '--short', `--report=${drills}`], true)
    const { passed = 0, failed = 0 } = JSON.parse(await readFile(drills, 'utf8').catch(() => '{}'))
    await rm(drills, { force: true })
    counts.passed += passed
    counts.failed += failed
    if (!lab.ok || passed === 0) failures.push('drills')
  } else {
    console.log('\nNot tried here: the drills on three servers (npm run lab). They need Linux and root.')
  }
}

const checks = Object.keys(CHECKS).length
const passedChecks = Object.keys(CHECKS).filter(name => !failures.includes(name)).length
console.log(failures.length > 0 ? `\nFailed: ${failures.join(', ')}` : '\nAll is well.')
console.log(
  `${counts.passed + passedChecks} passed, ${counts.failed + checks - passedChecks} failed, ${counts.skipped} skipped`,
)
process.exit(failures.length === 0 ? 0 : 1)
