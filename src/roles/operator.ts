import { userInfo } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Config, loadConfig } from '../config.ts'
import { openLog } from '../observability/index.ts'
import type { Services } from '../services.ts'
import { dataDirOf, FILES, readRunFile } from './embedded/data-dir.ts'
import { loadSecrets } from './embedded/secrets.ts'
import { StartError, type Words } from './say.ts'
import { openServices } from './services.ts'

export type Env = Record<string, string | undefined>

type Options = NonNullable<Parameters<typeof parseArgs>[0]>['options']

/** The options of a command; a `StartError` with how it is used for anything else. */
export function optionsOf(
  args: readonly string[],
  options: NonNullable<Options>,
  usage: Words,
): Record<string, string | boolean | undefined> {
  try {
    return parseArgs({ args: [...args], options, strict: true }).values as Record<
      string,
      string | boolean | undefined
    >
  } catch (error) {
    const { message } = error as Error
    throw new StartError({ fr: `${usage.fr}\n(${message})`, en: `${usage.en}\n(${message})` })
  }
}

/** The configuration that commands mean: the one given, or that of the SamaConso that `npm start` runs on DATA_DIR. */
export async function environmentOf(env: Env): Promise<Env> {
  if (env.DATABASE_URL || env.DATABASE_URL_FILE) return env
  const dir = dataDirOf(env)
  const running = await readRunFile(dir)
  if (!running) {
    throw new StartError({
      fr: `DATABASE_URL manque, et aucun « npm start » ne tourne sur ${dir} : chargez .env.production, ou lancez npm start.`,
      en: `DATABASE_URL is missing, and no \`npm start\` runs on ${dir}: load .env.production, or run npm start.`,
    })
  }
  return {
    ...running.settings,
    ...(await loadSecrets(dir)),
    ...env,
    ...Object.fromEntries(Object.entries(running.ports).map(([name, port]) => [name, String(port)])),
    STORAGE_FOLDER: join(dir, FILES),
    OPERATIONS_FOLDER: env.OPERATIONS_FOLDER || join(dir, 'operations'),
    DATABASE_URL: running.databaseUrl,
  }
}

/** Runs `work` with everything that the business works with, and closes it; what it logs goes nowhere. */
export async function withServices<T>(
  env: Env,
  work: (services: Services, config: Config) => Promise<T>,
): Promise<T> {
  const config = loadConfig({ LOG_LEVEL: 'silent', ...(await environmentOf(env)) })
  const log = openLog({ level: 'silent', instance: config.instance })
  const { services, ready, close } = openServices(config, log, () => undefined)
  try {
    await ready
    return await work(services, config)
  } finally {
    await close()
  }
}

/** Who types, for the audit: the account of the machine, and behind sudo the person's own. */
export const operatorOf = (env: Env): string => env.SUDO_USER || userInfo().username

export const print = (text: string): void => void process.stdout.write(`${text}\n`)
