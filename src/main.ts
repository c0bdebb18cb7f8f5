import { readFile, writeFile } from 'node:fs/promises'
import { ConfigError, envExample } from './config.ts'
import { StartError } from './roles/say.ts'

/** samaconso <command>: the one program with its many roles. */
const COMMANDS: Record<string, { help: string; run: (args: string[]) => Promise<void> }> = {
  all: {
    help: 'everything in one process, with its database and the simulated world; --reset empties DATA_DIR first',
    run: async args => (await import('./roles/all.ts')).runAll(args, process.env, await version()),
  },
  api: {
    help: 'HTTP and WebSocket, on the servers that the configuration names',
    run: async () => (await import('./roles/run.ts')).runApi(process.env, await version()),
  },
  worker: {
    help: '--queues urgent,high_priority --concurrency 4 --name NAME: does tasks',
    run: async args => (await import('./roles/run.ts')).runWorkerRole(args, process.env, await version()),
  },
  scheduler: {
    help: 'what is due; of several, one works',
    run: async () => (await import('./roles/run.ts')).runScheduler(process.env, await version()),
  },
  monitor: {
    help: 'the task monitor, on MONITOR_PORT',
    run: async () => (await import('./roles/run.ts')).runMonitor(process.env, await version()),
  },
  migrate: {
    help: 'brings the database up to date',
    run: async () => (await import('./roles/commands.ts')).runMigrate(process.env),
  },
  seed: {
    help: '--customers N: makes customers 1 to N of the simulated world, with device, meter and agency',
    run: async args => (await import('./roles/seed.ts')).runSeed(args, process.env),
  },
  doctor: {
    help: '[--json] [--lang fr|en]: checks everything, says what is wrong and what to do; exit code 0, 1 or 2',
    run: async args =>
      (await import('./roles/doctor-command.ts')).runDoctor(args, process.env, await version()),
  },
  report: {
    help: '[--day|--week|--month] [--json]: the five targets, measured against wanted',
    run: async args => (await import('./roles/report-command.ts')).runReport(args, process.env),
  },
  checklist: {
    help: '[--sign ITEM --by NAME] [--json]: what has to hold before going live',
    run: async args =>
      (await import('./roles/checklist-command.ts')).runChecklist(args, process.env, await version()),
  },
  user: {
    help: 'create --login L --first-name F --last-name N: a member of staff; the password is asked for',
    run: async args => (await import('./roles/user-command.ts')).runUser(args, process.env),
  },
  maintenance: {
    help: 'on [--until 14:30] [--message TEXT] | off | status: whether customers are served',
    run: async args => (await import('./roles/maintenance-command.ts')).runMaintenance(args, process.env),
  },
  restored: {
    help: '[--status | --confirm-broadcasts]: after a restoration of the database',
    run: async args => (await import('./roles/restored-command.ts')).runRestored(args, process.env),
  },
  customer: {
    help: 'delete --phone NUMBER --yes: deletes a customer who asked for it',
    run: async args => (await import('./roles/restored-command.ts')).runCustomer(args, process.env),
  },
  openapi: {
    help: 'prints the OpenAPI document, with --monitor that of the monitor; --write keeps it in openapi.json or openapi-monitor.json',
    run: async args => {
      const ofMonitor = args.includes('--monitor')
      const document = ofMonitor
        ? await (await import('./monitor/index.ts')).monitorOpenApi(await version())
        : await (await import('./roles/openapi.ts')).openApiDocument(await version())
      if (args.includes('--write'))
        await writeFile(ofMonitor ? 'openapi-monitor.json' : 'openapi.json', document)
      else process.stdout.write(document)
    },
  },
  'env-example': {
    help: 'prints every setting with its default; --write keeps it in .env.example',
    run: async args => {
      if (args.includes('--write')) await writeFile('.env.example', envExample())
      else process.stdout.write(envExample())
    },
  },
}

async function version(): Promise<string> {
  return JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')).version
}

const [name = 'help', ...args] = process.argv.slice(2)
const command = COMMANDS[name]
if (!command) {
  const rows = Object.entries(COMMANDS).map(([word, { help }]) => `  ${word.padEnd(14)}${help}`)
  console.log(`samaconso <command>\n\n${rows.join('\n')}`)
  process.exitCode = name === 'help' || name === '--help' ? 0 : 2
} else {
  try {
    await command.run(args)
  } catch (error) {
    // What a person can mend is one sentence; the rest needs its stack.
    if (error instanceof StartError || error instanceof ConfigError) console.error(`\n${error.message}\n`)
    else console.error(error)
    process.exit(1)
  }
}
