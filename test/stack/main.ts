// `npm run stack`: the product as in production on this machine; and what a second terminal tells it.
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { readRunFile } from '../../src/roles/embedded/data-dir.ts'
import { StartError } from '../../src/roles/say.ts'
import { askControl, controlFile, type Request } from './control.ts'
import { type UnitStatus, UnknownUnit } from './supervisor.ts'

const HELP = `npm run stack -- …
  (nothing)              starts everything; --raw leaves log lines as they are, --reset empties DATA_DIR first
  --status               what runs; exit code 1 unless all does
  --kill NAME            kills one; --signal SIGTERM another signal than SIGKILL
  --restart NAME         stops one gently and starts it again
  --after 5s             waits before that
NAME is samaconso_worker_1 or worker_1. DATA_DIR (.data-stack) tells which stack.`

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean' },
      raw: { type: 'boolean', default: false },
      reset: { type: 'boolean', default: false },
      status: { type: 'boolean' },
      kill: { type: 'string' },
      restart: { type: 'string' },
      signal: { type: 'string', default: 'SIGKILL' },
      after: { type: 'string', default: '0s' },
    },
  })
  const dir = resolve(process.env.DATA_DIR || '.data-stack')
  if (values.help) return console.log(HELP)
  const signal = values.signal as NodeJS.Signals
  const request: Request | null = values.kill
    ? { ask: 'kill', name: values.kill, signal }
    : values.restart
      ? { ask: 'restart', name: values.restart }
      : values.status
        ? { ask: 'status' }
        : null
  if (!request) {
    // All of the product, which a mere question does without.
    const { runStack } = await import('./stack.ts')
    return runStack({ dir, raw: values.raw, reset: values.reset })
  }

  const wait = /^(\d+(?:\.\d+)?)s?$/.exec(values.after)?.[1]
  if (wait === undefined)
    throw new StartError({ fr: '--after : par exemple 5s.', en: '--after: for example 5s.' })
  await pause(Number(wait) * 1_000)
  if (!(await readRunFile(dir))) {
    throw new StartError({
      fr: `Rien ne tourne sur ${dir} : « npm run stack » d’abord, ou un autre DATA_DIR.`,
      en: `Nothing runs on ${dir}: \`npm run stack\` first, or another DATA_DIR.`,
    })
  }
  const status = await askControl(await readFile(controlFile(dir), 'utf8'), request)
  for (const unit of status) console.log(rowOf(unit))
  if (request.ask === 'status' && status.some(({ state }) => state !== 'up')) process.exitCode = 1
}

const rowOf = ({ name, state, pid, restarts, since }: UnitStatus): string =>
  [
    name.padEnd(22),
    state.padEnd(9),
    String(pid ?? '-').padEnd(8),
    `${Math.round((Date.now() - since) / 1_000)} s`.padEnd(9),
    restarts > 0 ? `restarts: ${restarts}` : '',
  ]
    .join(' ')
    .trimEnd()

try {
  await main()
} catch (error) {
  const isPlain = error instanceof StartError || error instanceof UnknownUnit
  const isUsage = String((error as { code?: string }).code).startsWith('ERR_PARSE_ARGS')
  console.error(isPlain || isUsage ? `\n${(error as Error).message}\n` : error)
  if (isUsage) console.error(HELP)
  process.exit(1)
}
